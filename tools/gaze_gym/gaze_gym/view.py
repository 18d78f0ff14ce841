"""Spaces of a served environment, and replies as Gymnasium observations and infos."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
from gymnasium import spaces

from gaze_gym import wire
from gaze_gym.errors import GazeWireError

TEXT_SPACE_MAX = 4096
JOINT_MAX = 100.0  # rad or m, and a second
SPLITS = {"train": 0, "val": 1_000_000, "test": 2_000_000}  # first seed of each
SPLIT_SEEDS = 1_000_000

_CHARSET = string.digits + string.ascii_letters + string.punctuation + " \n"


def observation_space(size: int, joints: int = 0) -> spaces.Dict:
    """image uint8 [size,size,3], text of this turn, number of the turn; of an arm also positions
    and velocities of its joints, q and dq float32 [joints]."""
    parts: dict[str, spaces.Space[Any]] = {
        "image": spaces.Box(0, 255, (size, size, 3), np.uint8),
        "text": spaces.Text(TEXT_SPACE_MAX, min_length=0, charset=_CHARSET),
        "turn": spaces.Box(0, wire.TURN_MAX, (1,), np.int64),
    }
    if joints:
        parts["q"] = spaces.Box(-JOINT_MAX, JOINT_MAX, (joints,), np.float32)
        parts["dq"] = spaces.Box(-JOINT_MAX, JOINT_MAX, (joints,), np.float32)
    return spaces.Dict(parts)


def action_space(contract: wire.Contract) -> spaces.Space[Any]:
    """One low-level action, float32 [D] within the bounds that are not cut; or the whole reply:
    samples are random characters then, and step takes any text up to 1 MiB."""
    if contract.low is not None and contract.high is not None:
        return spaces.Box(contract.low, contract.high, dtype=np.float32)
    return spaces.Text(TEXT_SPACE_MAX, min_length=0, charset=_CHARSET)


def check_action(contract: wire.Contract, action: Any) -> str | np.ndarray:
    """Returns the action if the server can take it; ValueError or TypeError otherwise."""
    if contract.low is None:
        return wire.check_action(action)
    return wire.check_motion(action, len(contract.low))


def check_chunk(contract: wire.Contract, actions: Any) -> list[Any] | np.ndarray:
    """Returns the acts of one row, K texts or float32 [K,D]; ValueError or TypeError otherwise."""
    if isinstance(actions, (str, bytes)) or not hasattr(actions, "__len__"):
        raise TypeError("actions: expected a sequence of actions in every row")
    if not 1 <= len(actions) <= wire.CHUNK_MAX:
        raise ValueError(f"actions: expected 1..{wire.CHUNK_MAX} in every row")
    checked = [check_action(contract, a) for a in actions]
    return checked if contract.low is None else np.stack(checked)


def check_size(contract: wire.Contract, size: int) -> None:
    """GazeWireError if the server's pictures are not of this size."""
    if contract.size not in (None, (size, size)):
        raise GazeWireError(
            f"hello reply: field obs.image: expected {size} x {size} pixels, got {contract.size}"
        )


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

    def __init__(self, size: int, oracle: bool, joints: int = 0) -> None:
        self._size, self._oracle, self._joints = size, oracle, joints
        self._image = np.zeros((size, size, 3), np.uint8)
        self._camera, self._time_ns = "", 0
        self._robot = {k: np.zeros(joints, np.float32) for k in ("q", "dq")} if joints else {}
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
        obs.update(self._posture(row))
        info: dict[str, Any] = {
            "seed": self.seed,
            "new_images": 0 if row.images is None else len(row.images),
            "camera": self._camera,
            "time_ns": self._time_ns,
        }
        if row.images is not None and len(row.images) > 1:
            info["images"] = row.images
        if row.error:
            info["error"] = row.error
        if row.outcome is not None:
            info["outcome"] = row.outcome if self._oracle else wire.without_truth(row.outcome)
        if self._oracle and row.oracle is not None:
            info["oracle"] = row.oracle
        return obs, info

    def _posture(self, row: wire.Row) -> dict[str, np.ndarray]:
        """The joints of the arm; those seen last where a broken episode tells none."""
        if not self._joints:
            return {}
        if row.robot is None and not row.error:
            raise GazeWireError("reply: field obs.robot: expected q and dq")
        if row.robot is not None:
            for key, v in row.robot.items():
                if v.dtype != np.float32 or v.shape != (self._joints,) or not np.isfinite(v).all():
                    raise GazeWireError(
                        f"reply: field obs.robot.{key}: expected finite <f4 of [{self._joints}]"
                    )
            self._robot = {k: np.clip(v, -JOINT_MAX, JOINT_MAX) for k, v in row.robot.items()}
        return {k: v.copy() for k, v in self._robot.items()}
