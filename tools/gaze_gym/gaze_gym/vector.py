"""gaze/AVR-v0 and gaze/Reach-v0 as vector environments: N rows in one message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.error import ResetNeeded
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array

from gaze_gym import view
from gaze_gym.client import Client
from gaze_gym.errors import GazeError

Obs = dict[str, Any]


def _where(mask: np.ndarray) -> list[int]:
    """The rows where mask is true."""
    return [int(i) for i in np.flatnonzero(mask)]


class GazeVectorEnv(VectorEnv):
    """N environments behind one connection, stepped by the threads of its server.

    The default autoreset mode is Disabled: reset ended rows with options={"reset_mask": mask}. The
    two other modes of Gymnasium are carried out here, with a second message, because the seeds of
    the next episodes are drawn as Gymnasium draws them. Row k behaves as a single environment that
    was reset with the same seed. Arguments as GazeEnv.
    """

    served = ""  # the server's name of the environment
    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": AutoresetMode.DISABLED}

    def __init__(
        self,
        num_envs: int = 1,
        *,
        autoreset_mode: str | AutoresetMode = AutoresetMode.DISABLED,
        image_size: int = 224,
        split: str = "train",
        oracle: bool = False,
        settings: dict[str, Any] | None = None,
        render_mode: str | None = None,
        **connection: Any,
    ) -> None:
        served = view.settings_of(split, image_size, settings)
        if render_mode is not None:
            raise ValueError("render_mode: expected None; the pictures are in the observation")
        self.num_envs, self.render_mode = num_envs, None
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self._split = split
        self._rng: dict[int, np.random.Generator] = {}  # of the rows reset so far
        self._obs: dict[int, Obs] = {}  # what they showed last
        self._playing = np.zeros(num_envs, np.bool_)
        self._ended = np.zeros(num_envs, np.bool_)  # over, not reset since
        self.client = Client(
            env=self.served, rows=num_envs, oracle=oracle, settings=served, **connection
        )
        self._contract = self.client.contract
        try:
            view.check_size(self._contract, image_size)
        except GazeError:
            self.client.close()
            raise
        joints = self._contract.joints
        self.single_observation_space = view.observation_space(image_size, joints)
        self.single_action_space = view.action_space(self._contract)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._view = [view.View(image_size, oracle, joints) for _ in range(num_envs)]

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Obs, dict[str, Any]]:
        """Starts an episode in every row, or where options["reset_mask"] (bool [N]) is true.

        An int seeds row k with seed + k. Rows left alone show their last observation again and are
        missing from info.
        """
        seeds = self._seeds(seed)
        mask = self._mask(options)
        if any(i not in self._obs for i in _where(~mask)):
            raise ResetNeeded("reset every row once before resetting some of them")
        shown = self._reset_rows(mask, seeds)
        infos: dict[str, Any] = {}
        for i, info in shown.items():
            infos = self._add_info(infos, info, i)
        return self._batch(), infos

    def step(
        self, actions: Sequence[Any]
    ) -> tuple[Obs, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Acts in every row; what happens to ended rows is the autoreset mode's matter."""
        acts = [view.check_action(self._contract, a) for a in self._rows(actions)]
        again = self._ended & self._mode_is(AutoresetMode.NEXT_STEP)
        self._refuse(~(self._playing | again))
        fresh = self._reset_rows(again) if again.any() else {}
        rewards, terminated, truncated, infos_of = self._step_rows(
            [None if again[i] else a for i, a in enumerate(acts)]
        )
        infos: dict[str, Any] = {}
        done = (terminated | truncated) & self._mode_is(AutoresetMode.SAME_STEP)
        final = {i: self._obs[i] for i in _where(done)}
        after = self._reset_rows(done) if done.any() else {}
        for i in range(self.num_envs):
            if i in final:
                old = {"final_obs": final[i], "final_info": infos_of[i]}
                infos = self._add_info(infos, old, i)
            infos = self._add_info(infos, fresh.get(i) or after.get(i) or infos_of[i], i)
        return self._batch(), rewards, terminated, truncated, infos

    def chunk_step(
        self, actions: Sequence[Sequence[Any]], *, done_at: str = "step"
    ) -> tuple[Obs, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Carries out K acts per row in one message: texts actions[row][k], or an array [N,K,D].

        Returns the observation after the chunk, rewards, terminations and truncations [N,K], and
        the infos of each row's last act. After its end a row does nothing more: reward 0, flags
        false; infos["executed"] (bool [N,K]) tells. A row that ended in an earlier chunk does
        nothing at all. Flags stand at the true step, or at the chunk's last with done_at="last".
        In SAME_STEP mode rows that ended are reset after the chunk: the observation is the new
        episode's, the old one is in infos' final_obs (also final_observation) and final_info.
        """
        if self.autoreset_mode == AutoresetMode.NEXT_STEP:
            raise ValueError("chunk_step: expected autoreset mode Disabled or SameStep")
        if done_at not in ("step", "last"):
            raise ValueError(f"done_at {done_at}: expected step or last")
        chunks = [view.check_chunk(self._contract, c) for c in self._rows(actions)]
        steps = len(chunks[0])
        if any(len(c) != steps for c in chunks):
            raise ValueError("actions: expected equally many in every row")
        over = self._ended & self._mode_is(AutoresetMode.DISABLED)
        self._refuse(~(self._playing | over))
        asked = self._playing.copy()
        infos_of: dict[int, dict[str, Any]] = {}
        rewards = np.zeros((self.num_envs, steps), np.float64)
        flags = np.zeros((2, self.num_envs, steps), np.bool_)
        done = np.zeros(self.num_envs, np.int32)
        if asked.any():
            self._playing &= ~asked
            acts = [c if asked[i] else None for i, c in enumerate(chunks)]
            rows, chunk = self.client.chunk_step(acts, steps)
            for i, row in rows.items():
                self._obs[i], infos_of[i] = self._view[i].show(row)
            rewards[:], flags[0], flags[1] = chunk.rewards, chunk.terminated, chunk.truncated
            done = chunk.steps
            self._note_ends(asked, flags.any(axis=(0, 2)))
        infos: dict[str, Any] = {}
        for i, info in infos_of.items():
            infos = self._add_info(infos, info, i)
        if self.autoreset_mode == AutoresetMode.SAME_STEP:
            infos = self._restart(flags.any(axis=(0, 2)), infos, infos_of)
        infos["executed"] = np.arange(steps) < done[:, None]
        if done_at == "last":
            ended = flags.any(axis=2)
            flags[:] = False
            flags[:, :, -1] = ended
        return self._batch(), rewards, flags[0], flags[1], infos

    def close_extras(self, **_kwargs: Any) -> None:
        """Closes the connection and a server of our own."""
        client = getattr(self, "client", None)
        if client is not None:
            client.close()

    def _refuse(self, stuck: np.ndarray) -> None:
        rows = _where(stuck)
        if rows:
            raise ResetNeeded(f"rows {rows}: the episode is over, has not begun or met an error")

    def _restart(
        self, done: np.ndarray, infos: dict[str, Any], infos_of: dict[int, dict[str, Any]]
    ) -> dict[str, Any]:
        """Resets the rows that ended in a chunk and returns the infos with theirs."""
        final = dict(self._obs)
        after = self._reset_rows(done) if done.any() else {}
        for i, info in after.items():
            old = {"final_obs": final[i], "final_info": infos_of[i]}
            infos = self._add_info(infos, old, i)
            infos = self._add_info(infos, info, i)
        if after:
            infos["final_observation"] = infos["final_obs"].copy()
            infos["_final_observation"] = done
        return infos

    def _note_ends(self, asked: np.ndarray, ended: np.ndarray) -> None:
        """Which of the rows that acted are over, and which go on."""
        self._ended = np.where(asked, ended, self._ended)
        self._playing |= asked & ~self._ended

    def _reset_rows(
        self, mask: np.ndarray, seeds: Sequence[int | None] | None = None
    ) -> dict[int, dict[str, Any]]:
        """Resets rows and returns their infos; without seeds each row goes on with its own rng."""
        chosen: list[int | None] = [None] * self.num_envs
        for i in _where(mask):
            seed = None if seeds is None else seeds[i]
            if seed is not None or i not in self._rng:
                self._rng[i], _ = seeding.np_random(seed)
            chosen[i] = view.episode_seed(self._split, seed, self._rng[i])
        self._playing &= ~mask
        rows = self.client.reset(chosen)
        infos = {}
        for i, row in rows.items():
            self._view[i].seed = chosen[i] or 0
            self._obs[i], infos[i] = self._view[i].show(row)
        self._playing |= mask
        self._ended &= ~mask
        return infos

    def _step_rows(
        self, acts: Sequence[str | np.ndarray | None]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[int, dict[str, Any]]]:
        """Steps the rows that have an act; rewards, terminations, truncations [N] and infos.

        After an error every row that was asked has to be reset.
        """
        asked = np.array([a is not None for a in acts])
        rewards = np.zeros(self.num_envs, np.float64)
        ended = np.zeros((2, self.num_envs), np.bool_)
        infos: dict[int, dict[str, Any]] = {}
        if not asked.any():
            return rewards, ended[0], ended[1], infos
        self._playing &= ~asked
        for i, row in self.client.step(acts).items():
            self._obs[i], infos[i] = self._view[i].show(row)
            rewards[i], ended[:, i] = row.reward, (row.terminated, row.truncated)
        self._note_ends(asked, ended[0] | ended[1])
        return rewards, ended[0], ended[1], infos

    def _batch(self) -> Obs:
        space = self.single_observation_space
        rows = [self._obs[i] for i in range(self.num_envs)]
        empty: Any = create_empty_array(space, self.num_envs)
        batch: Any = concatenate(space, rows, empty)
        return batch

    def _mode_is(self, mode: AutoresetMode) -> np.bool_:
        return np.bool_(self.autoreset_mode == mode)

    def _rows(self, actions: Any) -> list[Any]:
        """The actions as a list with one entry per row."""
        if isinstance(actions, (str, bytes)) or not hasattr(actions, "__len__"):
            raise TypeError("actions: expected a sequence with one entry per row")
        if len(actions) != self.num_envs:
            raise ValueError(f"actions: expected {self.num_envs} rows, got {len(actions)}")
        return list(actions)

    def _seeds(self, seed: int | Sequence[int | None] | None) -> list[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, (int, np.integer)):
            return [int(seed) + i for i in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise ValueError(f"seed: expected {self.num_envs} entries, got {len(seed)}")
        return [None if s is None else int(s) for s in seed]

    def _mask(self, options: dict[str, Any] | None) -> np.ndarray:
        mask = (options or {}).get("reset_mask")
        if mask is None:
            return np.ones(self.num_envs, np.bool_)
        mask = np.asarray(mask)
        if mask.dtype != np.bool_ or mask.shape != (self.num_envs,) or not mask.any():
            raise ValueError(f"reset_mask: expected bool of [{self.num_envs}], not all false")
        return mask


class AvrVectorEnv(GazeVectorEnv):
    """N times AvrEnv."""

    served = "avr"


class ReachVectorEnv(GazeVectorEnv):
    """N times ReachEnv; actions are an array [N,7]."""

    served = "reach"
