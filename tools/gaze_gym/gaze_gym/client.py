"""N environments of one connection, each reset and stepped as a row."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from gaze_gym import wire
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
        token: str | None = None,
        gaze: str | os.PathLike[str] | None = None,
        transport: str | None = None,
        connect_timeout: float = 10.0,
        timeout: float | None = None,
    ) -> None:
        if not 1 <= rows <= wire.ROWS_MAX:
            raise ValueError(f"num_envs {rows}: expected 1..{wire.ROWS_MAX}")
        self._rows, self._oracle = rows, oracle
        self.server: Server | None = None
        if address is None:
            self.server = Server(gaze, env=env, rows=rows, transport=transport)
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
            self.contract = self._hello(env, settings or {})
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
        return wire.read_rows(self._connection.request("reset", data), asked, step=False)

    def step(self, texts: Sequence[str | None]) -> dict[int, wire.Row]:
        """Acts in every row that has a text; the others are left alone and missing."""
        asked = [t is not None for t in texts]
        data = {"actions": [None if t is None else {"text": t} for t in texts]}
        return wire.read_rows(self._connection.request("step", data), asked, step=True)

    def close(self) -> None:
        """Closes the connection and stops the server if it is ours; twice is fine."""
        self._connection.close()
        if self.server is not None:
            self.server.close()

    def _hello(self, env: str, settings: Mapping[str, Any]) -> wire.Contract:
        data = {
            "protocol": wire.PROTOCOL,
            "autoreset": "disabled",
            "oracle": self._oracle,
            "n_envs": self._rows,
            "settings": json.dumps(dict(settings)),
        }
        try:
            contract = wire.read_contract(self._connection.request("hello", data))
        except GazeServerError as e:
            raise GazeServerError(f"{self.address}: {e}") from None
        wanted = wire.Contract(env=env, rows=self._rows, autoreset="disabled", oracle=self._oracle)
        if contract != wanted:
            raise GazeWireError(f"{self.address}: hello reply: expected {wanted}, got {contract}")
        return contract
