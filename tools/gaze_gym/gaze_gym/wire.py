"""Messages of the gaze env protocol: msgpack maps, every field of a reply checked.

Arrays are maps with the keys nd, type, shape and data; nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack
import numpy as np

from gaze_gym.errors import GazeServerError, GazeWireError

PROTOCOL = 1
ROWS_MAX = 64
BYTES_MAX = 64 << 20
TEXT_MAX = 1 << 20  # bytes of one action
TURN_MAX = (1 << 32) - 1
CONTAINER_MAX = 256  # items of one list or map; the protocol needs 64

_DTYPES = ("|u1", "|i1", "|b1", "<u2", "<i2", "<f2", "<u4", "<i4", "<f4", "<u8", "<i8", "<f8")
_FLAGS = ("terminated", "truncated", "format", "answered", "correct", "action")
_ORACLE_FLAGS = ("sufficient", "gaining", "useful", "harmful")


@dataclass
class Contract:
    """The server's reply to the handshake."""

    env: str
    rows: int
    autoreset: str
    oracle: bool


@dataclass
class Row:
    """One environment's part of a reply."""

    images: np.ndarray | None  # uint8 [pictures,h,w,3], None without a new picture
    cameras: list[str]
    times_ns: list[int]
    text: str
    turn: int
    robot: dict[str, np.ndarray] | None
    oracle: dict[str, Any] | None
    outcome: dict[str, Any] | None = None  # of a step
    reward: float = 0.0
    terminated: bool = False
    truncated: bool = False


def pack(endpoint: str, data: dict[str, Any] | None = None, token: str | None = None) -> bytes:
    """Returns one request."""
    body: dict[str, Any] = {"endpoint": endpoint}
    if token is not None:
        body["api_token"] = token
    if data is not None:
        body["data"] = data
    return msgpack.packb(body)


def unpack(body: bytes) -> dict[str, Any]:
    """Returns the map of a reply; GazeServerError if it is an error reply."""
    try:
        reply = msgpack.unpackb(
            body,
            raw=False,
            strict_map_key=True,
            max_array_len=CONTAINER_MAX,
            max_map_len=CONTAINER_MAX,
            ext_hook=_no_extension,
        )
    except GazeWireError:
        raise
    except Exception as e:  # msgpack raises many types, some without a text
        raise GazeWireError(f"reply: expected msgpack ({type(e).__name__}: {e})") from None
    if not isinstance(reply, dict):
        raise GazeWireError("reply: expected a map")
    if "error" in reply:
        raise GazeServerError(_str(reply["error"], "reply: field error"))
    return reply


def check_action(text: Any) -> str:
    """Returns the text if the server can take it; ValueError or TypeError otherwise."""
    if not isinstance(text, str):
        raise TypeError(f"action: expected a str, got {type(text).__name__}")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise ValueError("action: expected text that UTF-8 can hold") from None
    if size > TEXT_MAX:
        raise ValueError(f"action: {size} bytes: expected at most {TEXT_MAX}")
    if "\0" in text:
        raise ValueError("action: expected text without U+0000")
    return str(text)


def read_contract(reply: dict[str, Any]) -> Contract:
    """Checks the reply to hello."""
    what = "hello reply: field "
    protocol = _int(reply.get("protocol"), what + "protocol", 0)
    if protocol != PROTOCOL:
        raise GazeWireError(f"{what}protocol: expected {PROTOCOL}, got {protocol}")
    return Contract(
        env=_str(reply.get("env"), what + "env"),
        rows=_int(reply.get("n_envs"), what + "n_envs", 1, ROWS_MAX),
        autoreset=_str(reply.get("autoreset"), what + "autoreset"),
        oracle=_bool(reply.get("oracle"), what + "oracle"),
    )


def read_rows(reply: dict[str, Any], asked: Sequence[bool], step: bool) -> dict[int, Row]:
    """Checks a reply to reset or step and returns the rows asked for; the others must be nil."""
    n = len(asked)
    obs = _map(reply.get("obs"), "reply: field obs")
    info = _map(reply.get("info"), "reply: field info")
    keys = ("image", "camera", "time_ns", "text", "robot", "turn")
    column = {k: _list(obs.get(k), f"reply: field obs.{k}", n) for k in keys}
    oracle: list[Any] = [None] * n
    if "oracle" in info:
        oracle = _list(info["oracle"], "reply: field info.oracle", n)
    rows: dict[int, Row] = {}
    for i in range(n):
        if (column["turn"][i] is not None) != asked[i]:
            raise GazeWireError(f"reply: field obs.turn: row {i}: expected "
                                + ("a number, got nil" if asked[i] else "nil"))
        if asked[i]:
            rows[i] = _row({k: column[k][i] for k in keys}, oracle[i])
    if step:
        _read_outcomes(reply, info, rows, n)
    return rows


def _row(o: dict[str, Any], oracle: Any) -> Row:
    images = None
    cameras: list[str] = []
    times: list[int] = []
    if o["image"] is not None:
        what = "reply: field obs.image"
        images = _array(o["image"], what)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or not images.size:
            raise GazeWireError(f"{what}: expected |u1 of [pictures,h,w,3]")
        n = len(images)
        what = "reply: field obs.camera"
        cameras = [_text(c, what) for c in _list(o["camera"], what, n)]
        what = "reply: field obs.time_ns"
        times = [_int(t, what, -(1 << 63)) for t in _list(o["time_ns"], what, n)]
    robot = None
    if o["robot"] is not None:
        what = "reply: field obs.robot"
        m = _map(o["robot"], what)
        robot = {k: _array(m.get(k), f"{what}.{k}") for k in ("q", "dq")}
    truth = None
    if oracle is not None:
        what = "reply: field info.oracle"
        try:
            truth = json.loads(_str(oracle, what))
        except (ValueError, RecursionError):
            raise GazeWireError(f"{what}: expected JSON") from None
        truth = _map(truth, what)
    return Row(
        images=images,
        cameras=cameras,
        times_ns=times,
        text=_text(o["text"], "reply: field obs.text"),
        turn=_int(o["turn"], "reply: field obs.turn", 0, TURN_MAX),
        robot=robot,
        oracle=truth,
    )


def _read_outcomes(
    reply: dict[str, Any], info: dict[str, Any], rows: dict[int, Row], n: int
) -> None:
    reward = _vector(reply, "reward", "<f4", n)
    terminated = _vector(reply, "terminated", "|b1", n)
    truncated = _vector(reply, "truncated", "|b1", n)
    outcome = _list(info.get("outcome"), "reply: field info.outcome", n)
    for i, row in rows.items():
        if not math.isfinite(reward[i]):
            raise GazeWireError(f"reply: field reward: row {i}: expected a finite number")
        row.reward = float(reward[i])
        row.terminated, row.truncated = bool(terminated[i]), bool(truncated[i])
        row.outcome = _outcome(outcome[i])


def _outcome(o: Any) -> dict[str, Any]:
    what = "reply: field info.outcome"
    m = _map(o, what)
    out: dict[str, Any] = {k: _bool(m.get(k), f"{what}.{k}") for k in _FLAGS + _ORACLE_FLAGS}
    out["choice"] = _int(m.get("choice"), f"{what}.choice", -1)
    out["bits"] = _number(m.get("bits"), f"{what}.bits")
    for k in ("status", "reply", "reference"):
        out[k] = _text(m.get(k), f"{what}.{k}")
    return out


def without_truth(outcome: dict[str, Any]) -> dict[str, Any]:
    """Returns an outcome without what only an oracle knows (the server sends zeros there)."""
    hidden = (*_ORACLE_FLAGS, "bits", "reference")
    return {k: v for k, v in outcome.items() if k not in hidden}


def _no_extension(code: int, _data: bytes) -> Any:
    raise GazeWireError(f"reply: extension type {code}: not accepted")


def _array(o: Any, what: str) -> np.ndarray:
    """An array of its own memory from a map with nd, type, shape, data (keys BIN or STR)."""
    m = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in _map(o, what).items()}
    dtype, shape, data = m.get("type"), m.get("shape"), m.get("data")
    if m.get("nd") is not True or dtype not in _DTYPES or not isinstance(data, bytes):
        raise GazeWireError(f"{what}: expected an array (nd, type, shape, data)")
    dims = [_int(d, f"{what}: shape", 0, (1 << 31) - 1) for d in _list(shape, f"{what}: shape")]
    if len(dims) > 8:
        raise GazeWireError(f"{what}: rank: expected at most 8")
    want = math.prod(dims) * np.dtype(dtype).itemsize
    if want != len(data):
        raise GazeWireError(f"{what}: {len(data)} bytes: expected {want}")
    return np.frombuffer(data, dtype=dtype).reshape(dims).copy()


def _vector(reply: dict[str, Any], key: str, dtype: str, n: int) -> np.ndarray:
    v = _array(reply.get(key), f"reply: field {key}")
    if v.dtype != np.dtype(dtype) or v.shape != (n,):
        raise GazeWireError(f"reply: field {key}: expected {dtype} of [{n}]")
    return v


def _map(o: Any, what: str) -> dict[Any, Any]:
    if not isinstance(o, dict):
        raise GazeWireError(f"{what}: expected a map")
    return o


def _list(o: Any, what: str, n: int | None = None) -> list[Any]:
    if not isinstance(o, list):
        raise GazeWireError(f"{what}: expected a list")
    if n is not None and len(o) != n:
        raise GazeWireError(f"{what}: expected {n} entries, got {len(o)}")
    return o


def _str(o: Any, what: str) -> str:
    if not isinstance(o, str):
        raise GazeWireError(f"{what}: expected a string")
    return o


def _text(o: Any, what: str) -> str:
    return "" if o is None else _str(o, what)


def _bool(o: Any, what: str) -> bool:
    if not isinstance(o, bool):
        raise GazeWireError(f"{what}: expected true or false")
    return o


def _int(o: Any, what: str, low: int, high: int = (1 << 63) - 1) -> int:
    if not isinstance(o, int) or isinstance(o, bool) or not low <= o <= high:
        raise GazeWireError(f"{what}: expected a whole number in {low}..{high}")
    return o


def _number(o: Any, what: str) -> float:
    if not isinstance(o, (int, float)) or isinstance(o, bool) or not math.isfinite(o):
        raise GazeWireError(f"{what}: expected a finite number")
    return float(o)
