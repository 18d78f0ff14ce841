"""gaze/AVR-v0 and gaze/Reach-v0: one environment each."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium.error import ResetNeeded

from gaze_gym import view
from gaze_gym.client import Client
from gaze_gym.errors import GazeError


class GazeEnv(gymnasium.Env[dict[str, Any], Any]):
    """One environment of a gaze server.

    image_size: pixels a side, 28..1792
    split: train, val or test; reset(seed=k) plays episode k of it
    oracle: put the truth into info["oracle"]
    settings: further settings of the environment, for example {"avr.family": "stack"}
    All other arguments (address, gaze, transport, token, shm, timeout, connect_timeout) as Client.
    """

    served = ""  # the server's name of the environment
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
        self._split = split
        self._playing = False
        self.client = Client(env=self.served, oracle=oracle, settings=served, **connection)
        contract = self.client.contract
        try:
            view.check_size(contract, image_size)
        except GazeError:
            self.client.close()
            raise
        self.observation_space = view.observation_space(image_size, contract.joints)
        self.action_space = view.action_space(contract)
        self._view = view.View(image_size, oracle, contract.joints)

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

    def step(self, action: Any) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        """Replies or acts. ResetNeeded when the episode is over or an error cut it short."""
        act = view.check_action(self.client.contract, action)
        if not self._playing:
            raise ResetNeeded("the episode is over or has not begun: call reset() first")
        self._playing = False  # stays so if anything below fails
        row = self.client.step([act])[0]
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


class AvrEnv(GazeEnv):
    """Asks a question about a scene; the reply (Text) chooses a look, a move or an answer."""

    served = "avr"


class ReachEnv(GazeEnv):
    """An arm brings its tool to a goal; an action (Box [7]) is one small motion at 20 Hz."""

    served = "reach"
    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}
