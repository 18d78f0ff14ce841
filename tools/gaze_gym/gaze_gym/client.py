"""N environments of one connection, each reset and stepped as a row."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gaze_gym import shared, wire
from gaze_gym.connection import Connection
from gaze_gym.errors import GazeServerError, GazeWireError
from gaze_gym.server import Server


class Client:
    """Connects to `address`, or starts a server of its own when there is none.

    address: tcp://HOST:PORT or ipc://FILE of a running `gaze serve env`; None starts one
    env: name of the environment that must be served
    rows: environments of this client (1..64); a running server must allow as many (--batch)
    oracle: whether replies carry the truth
    settings: settings of the environment, names as in envs/README.md
    threads: rows stepped at once by a server of our own; 0: all processors
    shm: pictures through shared memory, where the server is on this host and offers it
    token: text of the server's --token-file
    gaze, transport: see Server; only for a server of our own
    connect_timeout: seconds until a peer must show up
    timeout: seconds until a request must be answered; None: 30, and 2 more for every row
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        env: str = "avr",
        rows: int = 1,
        oracle: bool = False,
        settings: Mapping[str, Any] | None = None,
        threads: int = 0,
        shm: bool = True,
        token: str | None = None,
        gaze: str | os.PathLike[str] | None = None,
        transport: str | None = None,
        connect_timeout: float = 10.0,
        timeout: float | None = None,
    ) -> None:
        if not 1 <= rows <= wire.ROWS_MAX:
            raise ValueError(f"num_envs {rows}: expected 1..{wire.ROWS_MAX}")
        self._rows, self._oracle = rows, oracle
        self._memory: mmap.mmap | None = None
        self.server: Server | None = None
        if address is None:
            self.server = Server(gaze, env=env, rows=rows, threads=threads, transport=transport)
            address = self.server.address
        try:
            self._connection = Connection(
                address,
                token=token,
                connect_timeout=connect_timeout,
                timeout=30.0 + 2.0 * rows if timeout is None else timeout,
                gone=None if self.server is None else self.server.gone,
            )
        except BaseException:
            if self.server is not None:
                self.server.close()
            raise
        try:
            self.contract = self._greet(env, settings or {}, shm and _near(address))
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """Where the server listens."""
        return self._connection.address

    def reset(self, seeds: Sequence[int | None]) -> dict[int, wire.Row]:
        """Starts an episode in every row that has a seed; the others are left alone and missing."""
        asked = [s is not None for s in seeds]
        data = {"seed": [0 if s is None else s for s in seeds], "options": {"reset_mask": asked}}
        return wire.read_rows(self._connection.request("reset", data), asked, False, self._shm())

    def step(self, acts: Sequence[str | np.ndarray | None]) -> dict[int, wire.Row]:
        """Acts in every row that has a text or an action [D]; the others are left alone and
        missing."""
        asked = [a is not None for a in acts]
        data = {"actions": [_act(a) for a in acts]}
        return wire.read_rows(self._connection.request("step", data), asked, True, self._shm())

    def chunk_step(
        self, acts: Sequence[Sequence[str] | np.ndarray | None], steps: int
    ) -> tuple[dict[int, wire.Row], wire.Chunk]:
        """Carries out `steps` texts or actions [steps,D] in every row that has some, up to the end
        of its episode; the others are left alone and missing."""
        asked = [a is not None for a in acts]
        data = {"actions": [wire.array(a) if isinstance(a, np.ndarray) else a for a in acts]}
        reply = self._connection.request("chunk_step", data)
        return wire.read_chunk(reply, asked, steps, self._shm())

    def close(self) -> None:
        """Closes the connection and stops the server if it is ours; twice is fine."""
        self._connection.close()
        if self._memory is not None:
            with contextlib.suppress(BufferError):  # a picture is being read: freed with it
                self._memory.close()
            self._memory = None
        if self.server is not None:
            self.server.close()

    def _shm(self) -> memoryview | None:
        return None if self._memory is None else memoryview(self._memory)

    def _greet(self, env: str, settings: Mapping[str, Any], shm: bool) -> wire.Contract:
        contract = self._hello(env, settings, shm and shared.available())
        if contract.shm is not None:
            self._memory = shared.attach(*contract.shm)
            if self._memory is None:  # behind a tunnel, or another user's
                contract = self._hello(env, settings, False)
        return contract

    def _hello(self, env: str, settings: Mapping[str, Any], shm: bool) -> wire.Contract:
        data = {
            "protocol": wire.PROTOCOL,
            "autoreset": "disabled",
            "oracle": self._oracle,
            "n_envs": self._rows,
            "settings": json.dumps(dict(settings)),
        }
        if shm:
            data["shm"] = True
        try:
            c = wire.read_contract(self._connection.request("hello", data))
        except GazeServerError as e:
            raise GazeServerError(f"{self.address}: {e}") from None
        wanted = {"env": env, "rows": self._rows, "autoreset": "disabled", "oracle": self._oracle}
        got = {k: getattr(c, k) for k in wanted}
        if got != wanted or (c.shm is not None and not shm):
            raise GazeWireError(f"{self.address}: hello reply: expected "
                                f"{wire.Contract(**wanted)}, got {c}")
        return c


def _act(act: str | np.ndarray | None) -> dict[str, Any] | None:
    if act is None:
        return None
    return {"text": act} if isinstance(act, str) else {"chunk": wire.array(act[None])}


def _near(address: str) -> bool:
    """Whether the server is likely on this host."""
    hosts = ("tcp://127.0.0.1:", "tcp://localhost:", "tcp://[::1]:")
    return address.startswith(("ipc://", *hosts))
