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
DIMS_MAX = 256  # numbers of one low-level action
CHUNK_MAX = 4096  # acts of one chunk

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
    size: tuple[int, int] | None = None  # height and width of every picture, None if they vary
    joints: int = 0  # of the robot's state
    low: np.ndarray | None = None  # float32 [D] of one low-level action; None: it is told text
    high: np.ndarray | None = None
    max_steps: int | None = None
    shm: tuple[str, int] | None = None  # name and bytes of the shared memory


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
    error: str = ""  # how the episode was lost


@dataclass
class Chunk:
    """What the acts of a chunk earned and ended; zeros where they were not carried out."""

    rewards: np.ndarray  # float32 [N,K]
    terminated: np.ndarray  # bool [N,K]
    truncated: np.ndarray  # bool [N,K]
    steps: np.ndarray  # int32 [N], acts carried out


def array(a: np.ndarray) -> dict[bytes, Any]:
    """An array as the server reads it."""
    a = np.ascontiguousarray(a)
    return {b"nd": True, b"type": a.dtype.str, b"kind": b"", b"shape": list(a.shape),
            b"data": a.tobytes()}


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


def check_motion(action: Any, dims: int) -> np.ndarray:
    """Returns one action as float32 [dims]; ValueError if it is none."""
    try:
        a = np.asarray(action, np.float32)
    except (TypeError, ValueError):
        raise ValueError(f"action: expected {dims} numbers") from None
    if a.shape != (dims,) or not np.isfinite(a).all():
        raise ValueError(f"action: expected {dims} finite numbers, got shape {a.shape}")
    return a


def read_contract(reply: dict[str, Any]) -> Contract:
    """Checks the reply to hello."""
    what = "hello reply: field "
    protocol = _int(reply.get("protocol"), what + "protocol", 0)
    if protocol != PROTOCOL:
        raise GazeWireError(f"{what}protocol: expected {PROTOCOL}, got {protocol}")
    c = Contract(
        env=_str(reply.get("env"), what + "env"),
        rows=_int(reply.get("n_envs"), what + "n_envs", 1, ROWS_MAX),
        autoreset=_str(reply.get("autoreset"), what + "autoreset"),
        oracle=_bool(reply.get("oracle"), what + "oracle"),
    )
    if reply.get("max_steps") is not None:
        c.max_steps = _int(reply["max_steps"], what + "max_steps", 1)
    obs = _map(reply.get("obs"), what + "obs")
    if "image" in obs:
        _, h, w, _ = _shape(obs["image"], what + "obs.image", 4)
        c.size = (h, w) if h > 0 and w > 0 else None
    if "robot" in obs:
        q = _map(obs["robot"], what + "obs.robot").get("q")
        c.joints = _shape(q, what + "obs.robot.q", 1)[0]
    action = _map(reply.get("action"), what + "action")
    if "chunk" in action:
        c.low, c.high = _bounds(action["chunk"], what + "action.chunk")
    if reply.get("shm") is not None:
        shm = _map(reply["shm"], what + "shm")
        c.shm = (_str(shm.get("name"), what + "shm.name"),
                 _int(shm.get("size"), what + "shm.size", 1, BYTES_MAX))
    return c


def _shape(o: Any, what: str, rank: int) -> list[int]:
    dims = _list(_map(o, what).get("shape"), what + ".shape", rank)
    return [_int(d, what + ".shape", -1, 1 << 20) for d in dims]


def _bounds(o: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of one action, -inf and inf if the server names none."""
    dims = _shape(o, what, 2)[1]
    if not 1 <= dims <= DIMS_MAX:
        raise GazeWireError(f"{what}.shape: expected 1..{DIMS_MAX} numbers an action")
    bounds = []
    for key, none in (("low", -np.inf), ("high", np.inf)):
        values = [none] * dims
        if key in o:
            values = [_number(v, f"{what}.{key}") for v in _list(o[key], f"{what}.{key}", dims)]
        bounds.append(np.array(values, np.float32))
    if not (bounds[0] < bounds[1]).all():
        raise GazeWireError(f"{what}: expected low < high")
    return bounds[0], bounds[1]


def read_rows(
    reply: dict[str, Any], asked: Sequence[bool], step: bool, shm: memoryview | None = None
) -> dict[int, Row]:
    """Checks a reply to reset, step or chunk_step and returns the rows asked for; the others must
    be nil. GazeServerError if rows refused: it names them all. Pictures are copied out of `shm`."""
    n = len(asked)
    obs = _map(reply.get("obs"), "reply: field obs")
    info = _map(reply.get("info"), "reply: field info")
    keys = ("image", "camera", "time_ns", "text", "robot", "turn")
    column = {k: _list(obs.get(k), f"reply: field obs.{k}", n) for k in keys}
    oracle: list[Any] = [None] * n
    if "oracle" in info:
        oracle = _list(info["oracle"], "reply: field info.oracle", n)
    errors = _errors(info, n)
    refused = [f"row {i}: {errors[i]}" if n > 1 else errors[i]
               for i in range(n) if errors[i] and column["turn"][i] is None]
    if refused:
        raise GazeServerError("; ".join(refused))
    rows: dict[int, Row] = {}
    for i in range(n):
        if (column["turn"][i] is not None) != asked[i]:
            raise GazeWireError(f"reply: field obs.turn: row {i}: expected "
                                + ("a number, got nil" if asked[i] else "nil"))
        if asked[i]:
            rows[i] = _row({k: column[k][i] for k in keys}, oracle[i], shm)
            rows[i].error = errors[i]
    if step:
        _read_outcomes(reply, info, rows, n)
    return rows


def _errors(info: dict[str, Any], n: int) -> list[str]:
    if "error" not in info:
        return [""] * n
    what = "reply: field info.error"
    return [_text(e, what) for e in _list(info["error"], what, n)]


def read_chunk(
    reply: dict[str, Any], asked: Sequence[bool], acts: int, shm: memoryview | None = None
) -> tuple[dict[int, Row], Chunk]:
    """Checks a reply to chunk_step; see read_rows."""
    n = len(asked)
    rows = read_rows(reply, asked, False, shm)
    outcome = _list(_map(reply["info"], "reply: field info").get("outcome"),
                    "reply: field info.outcome", n)
    chunk = Chunk(_vector(reply, "reward", "<f4", n, acts),
                  _vector(reply, "terminated", "|b1", n, acts),
                  _vector(reply, "truncated", "|b1", n, acts),
                  _vector(reply, "steps", "<i4", n))
    if not np.isfinite(chunk.rewards).all():
        raise GazeWireError("reply: field reward: expected finite numbers")
    if ((chunk.steps < 0) | (chunk.steps > acts)).any():
        raise GazeWireError(f"reply: field steps: expected 0..{acts}")
    for i, row in rows.items():
        row.outcome = _outcome(outcome[i])
        row.reward = float(chunk.rewards[i].sum())
        row.terminated = bool(chunk.terminated[i].any())
        row.truncated = bool(chunk.truncated[i].any())
    return rows, chunk


def _row(o: dict[str, Any], oracle: Any, shm: memoryview | None) -> Row:
    images = None
    cameras: list[str] = []
    times: list[int] = []
    if o["image"] is not None:
        what = "reply: field obs.image"
        images = _array(o["image"], what, shm)
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
    if "max_steps" in m:  # told chunks of low-level actions
        for k in ("steps", "max_steps", "clipped"):
            out[k] = _int(m.get(k), f"{what}.{k}", 0)
        out["goal_dist"] = _number(m.get("goal_dist"), f"{what}.goal_dist")
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


def _array(o: Any, what: str, shm: memoryview | None = None) -> np.ndarray:
    """An array of its own memory from a map with nd, type, shape, data (keys BIN or STR); with
    `shm` its bytes may lie there, at the offset that the key shm tells."""
    m = {k.decode("latin-1") if isinstance(k, bytes) else k: v for k, v in _map(o, what).items()}
    dtype, shape, data = m.get("type"), m.get("shape"), m.get("data")
    far = shm is not None and data is None and m.get("shm") is not None
    if m.get("nd") is not True or dtype not in _DTYPES or not (far or isinstance(data, bytes)):
        raise GazeWireError(f"{what}: expected an array (nd, type, shape, data)")
    dims = [_int(d, f"{what}: shape", 0, (1 << 31) - 1) for d in _list(shape, f"{what}: shape")]
    if len(dims) > 8:
        raise GazeWireError(f"{what}: rank: expected at most 8")
    want = math.prod(dims) * np.dtype(dtype).itemsize
    if shm is not None and far:
        at = _int(m["shm"], f"{what}: shm", 0, len(shm))
        if want > len(shm) - at:
            raise GazeWireError(f"{what}: {want} bytes at {at}: beyond the shared memory")
        data = shm[at : at + want]
    if want != len(data):
        raise GazeWireError(f"{what}: {len(data)} bytes: expected {want}")
    return np.frombuffer(data, dtype=dtype).reshape(dims).copy()


def _vector(reply: dict[str, Any], key: str, dtype: str, *shape: int) -> np.ndarray:
    v = _array(reply.get(key), f"reply: field {key}")
    if v.dtype != np.dtype(dtype) or v.shape != shape:
        raise GazeWireError(f"reply: field {key}: expected {dtype} of {list(shape)}")
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
