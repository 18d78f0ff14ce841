"""One DEALER socket to a gaze env server; every wait ends.

A request that got no answer closes the connection: the server may or may not have carried it out,
so going on would not be reproducible. A lost connection is never taken up again, because the server
keeps the environments of a connection, not of a client.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

import zmq
from zmq.utils.monitor import recv_monitor_message

from gaze_gym import wire
from gaze_gym.errors import GazeConnectionError, GazeTimeout, GazeWireError

_SLICE_S = 0.1  # how often the server process is looked at


class Connection:
    """Requests and replies over tcp:// or ipc://.

    `gone` tells why the server process ended, None while it runs (or is not ours).
    """

    def __init__(
        self,
        address: str,
        *,
        token: str | None = None,
        connect_timeout: float = 10.0,
        timeout: float = 30.0,
        gone: Callable[[], str | None] | None = None,
    ) -> None:
        if not address.startswith(("tcp://", "ipc://")):
            raise ValueError(f"address {address}: expected tcp://HOST:PORT or ipc://FILE")
        self.address = address
        self._token, self._timeout = token, timeout
        self._gone = gone or (lambda: None)
        self._number = 0
        self._owner = os.getpid()
        self._why = ""  # why the connection is closed
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 500)  # lets a last "close" out
        self._socket.setsockopt(zmq.MAXMSGSIZE, wire.BYTES_MAX)
        self._monitor = self._socket.get_monitor_socket(
            zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED
        )
        try:
            try:
                self._socket.connect(address)
            except zmq.ZMQError as e:
                raise GazeConnectionError(f"{address}: cannot connect: {e}") from None
            self._wait_for_peer(connect_timeout)
        except BaseException as e:
            self._end(str(e))
            raise

    def request(self, endpoint: str, data: dict[str, Any] | None = None) -> dict[str, Any]:
        """Sends one request and returns its reply; a GazeError says what went wrong."""
        self._check_open()
        self._number = (self._number + 1) & 0xFFFFFFFF
        number = self._number.to_bytes(4, "big")
        try:
            body = self._exchange(number, wire.pack(endpoint, data, self._token), endpoint)
        except BaseException as e:  # also Ctrl-C: the answer would reach a later request
            self._end(str(e) or type(e).__name__)
            raise
        return wire.unpack(body)

    def close(self) -> None:
        """Tells the server to free the environments and closes; twice is fine."""
        if self._context.closed or os.getpid() != self._owner:
            return
        with contextlib.suppress(zmq.ZMQError):
            self._socket.send_multipart(
                [b"\0\0\0\0", b"", wire.pack("close", None, self._token)], zmq.DONTWAIT
            )
        self._end("it was closed")

    def __del__(self) -> None:
        if hasattr(self, "_monitor"):
            self.close()

    def _end(self, why: str) -> None:
        if self._context.closed or os.getpid() != self._owner:
            return  # in a forked copy of the process the sockets are not ours
        self._why = why
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close()
        self._context.term()

    def _check_open(self) -> None:
        if self._context.closed:
            raise GazeConnectionError(f"{self.address}: no connection any more: {self._why}")

    def _check_gone(self) -> None:
        why = self._gone()
        if why:
            raise GazeConnectionError(f"{self.address}: {why}")

    def _events(self) -> list[int]:
        events = []
        while self._monitor.poll(0):
            events.append(int(recv_monitor_message(self._monitor)["event"]))
        return events

    def _wait_for_peer(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while zmq.EVENT_HANDSHAKE_SUCCEEDED not in self._events():
            self._check_gone()
            left = end - time.monotonic()
            if left <= 0:
                raise GazeTimeout(
                    f"{self.address}: no gaze env server answered within {seconds:g} s; "
                    f"start one with: gaze serve env --bind {self.address}"
                )
            self._monitor.poll(int(1000 * min(left, _SLICE_S)))

    def _exchange(self, number: bytes, body: bytes, endpoint: str) -> bytes:
        end = time.monotonic() + self._timeout
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        try:
            self._socket.send_multipart([number, b"", body], zmq.DONTWAIT)
        except zmq.Again:
            raise GazeConnectionError(f"{self.address}: the connection was lost") from None
        while True:
            ready = dict(poller.poll(int(1000 * min(_SLICE_S, self._timeout))))
            if self._socket in ready:
                frames = self._socket.recv_multipart(zmq.DONTWAIT)
                if len(frames) != 3 or frames[1] != b"":
                    raise GazeWireError("reply: expected the frames number, empty, body")
                if frames[0] == number:
                    return frames[2]
            elif self._monitor in ready and zmq.EVENT_DISCONNECTED in self._events():
                time.sleep(_SLICE_S)  # a process that died is known to be dead a moment later
                self._check_gone()
                raise GazeConnectionError(f"{self.address}: the connection was lost in {endpoint}")
            self._check_gone()
            if time.monotonic() > end:
                raise GazeTimeout(
                    f"{self.address}: {endpoint}: no answer within {self._timeout:g} s"
                )
