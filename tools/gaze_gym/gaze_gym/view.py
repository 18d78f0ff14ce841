"""Spaces of the AVR environment, and replies as Gymnasium observations and infos."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from gymnasium import spaces

from gaze_gym import wire
from gaze_gym.errors import GazeWireError

TEXT_SPACE_MAX = 4096
SPLITS = {"train": 0, "val": 1_000_000, "test": 2_000_000}  # first seed of each
SPLIT_SEEDS = 1_000_000

_CHARSET = string.digits + string.ascii_letters + string.punctuation + " \n"


def observation_space(size: int) -> spaces.Dict:
    """image uint8 [size,size,3], text of this turn, number of the turn."""
    return spaces.Dict(
        image=spaces.Box(0, 255, (size, size, 3), np.uint8),
        text=spaces.Text(TEXT_SPACE_MAX, min_length=0, charset=_CHARSET),
        turn=spaces.Box(0, wire.TURN_MAX, (1,), np.int64),
    )


def action_space() -> spaces.Text:
    """The whole reply. Samples are random characters; step takes any text up to 1 MiB."""
    return spaces.Text(TEXT_SPACE_MAX, min_length=0, charset=_CHARSET)


def settings_of(split: str, image_size: int, more: dict[str, Any] | None) -> dict[str, Any]:
    """The server's settings: the caller's, and what the spaces and seeds here rest on."""
    if split not in SPLITS:
        raise ValueError(f"split {split}: expected one of {', '.join(SPLITS)}")
    return {**(more or {}), "image_size": image_size, "split": split}


def episode_seed(split: str, seed: int | None, rng: np.random.Generator) -> int:
    """The seed that gaze gets: number `seed` of the split, so that no seed leaves its split.

    Without a seed, or for one beyond the split, it is drawn from rng.
    """
    number = seed if seed is not None and seed < SPLIT_SEEDS else int(rng.integers(SPLIT_SEEDS))
    return SPLITS[split] + number


class View:
    """What one environment showed last; a turn without a new picture shows the last one again."""

    def __init__(self, size: int, oracle: bool) -> None:
        self._size, self._oracle = size, oracle
        self._image = np.zeros((size, size, 3), np.uint8)
        self._camera, self._time_ns = "", 0
        self.seed = 0  # of the episode, as gaze counts

    @property
    def image(self) -> np.ndarray:
        """A copy of the picture shown last."""
        return self._image.copy()

    def show(self, row: wire.Row) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns observation and info of a reply."""
        if row.images is not None:
            if row.images.shape[1:3] != (self._size, self._size):
                raise GazeWireError(
                    f"reply: field obs.image: expected {self._size} x {self._size} pixels, "
                    f"got {row.images.shape[2]} x {row.images.shape[1]}"
                )
            self._image = row.images[-1]
            self._camera, self._time_ns = row.cameras[-1], row.times_ns[-1]
        if len(row.text) > TEXT_SPACE_MAX or not set(row.text) <= set(_CHARSET):
            raise GazeWireError(
                f"reply: field obs.text: expected at most {TEXT_SPACE_MAX} printable ASCII "
                "characters"
            )
        obs = {"image": self.image, "text": row.text, "turn": np.array([row.turn], np.int64)}
        info: dict[str, Any] = {
            "seed": self.seed,
            "new_images": 0 if row.images is None else len(row.images),
            "camera": self._camera,
            "time_ns": self._time_ns,
        }
        if row.images is not None and len(row.images) > 1:
            info["images"] = row.images
        if row.robot is not None:
            info["robot"] = row.robot
        if row.outcome is not None:
            info["outcome"] = row.outcome if self._oracle else wire.without_truth(row.outcome)
        if self._oracle and row.oracle is not None:
            info["oracle"] = row.oracle
        return obs, info
