"""gaze/AVR-v0: one active visual reasoning environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from gaze_gym import view, wire
from gaze_gym.client import Client


class AvrEnv(gymnasium.Env[dict[str, Any], str]):
    """Asks a question about a scene; the reply chooses a look, a move or an answer.

    image_size: pixels a side, 28..1792
    split: train, val or test; reset(seed=k) plays episode k of it
    oracle: put the truth into info["oracle"]
    settings: further settings of the environment, for example {"avr.family": "stack"}
    All other arguments (address, gaze, transport, token, timeout, connect_timeout) as Client.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 2}

    def __init__(
        self,
        *,
        image_size: int = 224,
        split: str = "train",
        oracle: bool = False,
        settings: dict[str, Any] | None = None,
        render_mode: str | None = None,
        **connection: Any,
    ) -> None:
        served = view.settings_of(split, image_size, settings)
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode {render_mode}: expected rgb_array or None")
        self.render_mode = render_mode
        self.observation_space = view.observation_space(image_size)
        self.action_space = view.action_space()
        self._split = split
        self._view = view.View(image_size, oracle)
        self._playing = False
        self.client = Client(
            oracle=oracle,
            settings=served,
            **connection,
        )

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Starts episode `seed` of the split, or the next one drawn; options are ignored."""
        super().reset(seed=seed)
        self._playing = False
        self._view.seed = view.episode_seed(self._split, seed, self.np_random)
        rows = self.client.reset([self._view.seed])
        shown = self._view.show(rows[0])
        self._playing = True
        return shown

    def step(self, action: str) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Replies. ResetNeeded when the episode is over or an error cut it short."""
        text = wire.check_action(action)
        if not self._playing:
            raise ResetNeeded("the episode is over or has not begun: call reset() first")
        self._playing = False  # stays so if anything below fails
        row = self.client.step([text])[0]
        obs, info = self._view.show(row)
        self._playing = not (row.terminated or row.truncated)
        return obs, row.reward, row.terminated, row.truncated, info

    def render(self) -> np.ndarray | None:
        """Returns the picture shown last, uint8 [H,W,3]."""
        return self._view.image if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Closes the connection and a server of our own; twice is fine."""
        client = getattr(self, "client", None)
        if client is not None:
            client.close()
