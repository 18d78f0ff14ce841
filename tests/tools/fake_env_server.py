"""A env server that says what the test wants, over a real socket."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgpack
import numpy as np
import zmq

SIZE = 28
FLOOD = "flood"


def array(a: np.ndarray, dtype: str | None = None, shape: list[int] | None = None) -> dict:
    """An array as the server writes it; dtype and shape may lie."""
    return {b"nd": True, b"type": dtype or a.dtype.str, b"kind": b"",
            b"shape": list(a.shape) if shape is None else shape, b"data": a.tobytes()}


def hello(**change: Any) -> dict:
    """A right reply to hello, changed."""
    return {"protocol": 1, "env": "avr", "n_envs": 1, "autoreset": "disabled", "oracle": False,
            "obs": {}, "action": {"grammar": "text"}, **change}


def obs(**change: Any) -> dict:
    """A right observation of one row, changed."""
    picture = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    return {"image": [array(picture)], "camera": [["viewer"]], "time_ns": [[0]],
            "text": ["Options:\nred A"], "robot": [None], "turn": [0], "first": [True],
            "last": [False], **change}


def outcome(**change: Any) -> dict:
    """A right outcome, changed."""
    flags = ("terminated", "truncated", "format", "answered", "correct", "action", "sufficient",
             "gaining", "useful", "harmful")
    return {**dict.fromkeys(flags, False), "choice": -1, "status": "ok", "bits": 0.0,
            "reward": 0.0, "reply": "", "reference": None, **change}


def reset(observation: dict | None = None, **change: Any) -> dict:
    """A right reply to reset, changed."""
    return {"obs": observation or obs(), "info": {}, **change}


def step(observation: dict | None = None, **change: Any) -> dict:
    """A right reply to step, changed."""
    return {"obs": observation or obs(turn=[1]), "reward": array(np.zeros(1, "<f4")),
            "terminated": array(np.zeros(1, bool)), "truncated": array(np.zeros(1, bool)),
            "info": {"outcome": [outcome()]}, **change}


class FakeServer:
    """Answers each endpoint with what `replies` holds for it, right replies otherwise.

    bytes: the body; a list: frames behind the identity; a dict: packed; a function: called with
    the request; None: no answer; FLOOD: answers to no request, without end.
    """

    def __init__(
        self, **replies: dict | bytes | list[bytes] | str | Callable[[dict], Any] | None
    ) -> None:
        self._replies = {"hello": hello(), "reset": reset(), "step": step(), **replies}
        self.requests: list[dict] = []
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.bind("tcp://127.0.0.1:*")
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self) -> FakeServer:
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._socket.close()
        self._context.term()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if not self._socket.poll(20):
                continue
            who, number, _, body = self._socket.recv_multipart()
            request = msgpack.unpackb(body)
            self.requests.append(request)
            reply = self._replies.get(request["endpoint"])
            if callable(reply):
                reply = reply(request)
            while reply is FLOOD and not self._stop.is_set():
                self._socket.send_multipart([who, b"\0\0\0\0", b"", b"\x80"], zmq.DONTWAIT)
            if isinstance(reply, dict):
                reply = msgpack.packb(reply)
            if isinstance(reply, bytes):
                reply = [number, b"", reply]
            if isinstance(reply, list):
                self._socket.send_multipart([who, *reply])
