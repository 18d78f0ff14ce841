"""A `gaze serve env` process of our own."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import tempfile
import time
import weakref
from pathlib import Path

import zmq

from gaze_gym.errors import GazeConnectionError

_STOP_S = 5.0
_IPC_PATH_MAX = 90  # the name of a local socket is short on every system


def find_gaze(given: str | os.PathLike[str] | None = None) -> str:
    """Returns the program: the one given, build/release/gaze of a checkout around the working
    folder or this package, or the one on PATH. GazeConnectionError if there is none."""
    if given is not None:
        found = shutil.which(os.fspath(given))
        if found is None:
            raise GazeConnectionError(f"{os.fspath(given)}: expected the gaze program")
        return os.path.abspath(found)
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            path = folder / "build" / "release" / "gaze"
            if (folder / "CMakeLists.txt").is_file() and os.access(path, os.X_OK):
                return str(path)
    found = shutil.which("gaze")
    if found is None:
        raise GazeConnectionError(
            "no gaze program: give gaze=PATH or address=ADDR, build it (tools/build), "
            "or put it on PATH"
        )
    return found


class Server:
    """Starts `gaze serve env` and stops it on close, when collected, and when Python ends.

    `threads` rows are stepped at once, 0: as many as there are processors.
    transport "ipc" listens in a private folder, "tcp" on a free loopback port.
    """

    def __init__(
        self,
        gaze: str | os.PathLike[str] | None = None,
        *,
        env: str = "avr",
        rows: int = 1,
        threads: int = 0,
        transport: str | None = None,
        start_timeout: float = 20.0,
    ) -> None:
        program = find_gaze(gaze)
        if transport not in (None, "ipc", "tcp"):
            raise ValueError(f"transport {transport}: expected ipc or tcp")
        folder = tempfile.mkdtemp(prefix="gaze_gym_")  # only this user may enter
        if transport is None:
            transport = "ipc" if zmq.has("ipc") and len(folder) < _IPC_PATH_MAX else "tcp"
        bind = "tcp://127.0.0.1:*" if transport == "tcp" else f"ipc://{folder}/env"
        self._errors = Path(folder) / "stderr"
        try:
            with open(self._errors, "wb") as errors:
                self._process = subprocess.Popen(
                    [program, "serve", "env", "--env", env, "--bind", bind, "--batch", str(rows),
                     "--threads", str(threads)],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    start_new_session=True,  # Ctrl-C is for us; we stop it
                )
        except OSError as e:
            shutil.rmtree(folder, ignore_errors=True)
            raise GazeConnectionError(f"{program}: cannot start: {e}") from None
        self._finalizer = weakref.finalize(self, _stop, self._process, folder, os.getpid())
        try:
            self.address = self._read_address(program, start_timeout)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    def gone(self) -> str | None:
        """Why the process ended, None while it runs."""
        code = self._process.poll()
        if code is None:
            return None
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        try:
            last = self._errors.read_text(errors="replace").strip().splitlines()[-1:]
        except OSError:
            last = []
        return f"the gaze server ended ({how})" + "".join(f": {line}" for line in last)

    def close(self) -> int | None:
        """Stops the process and returns its exit code; twice is fine."""
        self._finalizer()
        return self._process.returncode

    def _read_address(self, program: str, seconds: float) -> str:
        # the line is: serving avr at ADDRESS; Ctrl-C stops
        out, line = self._process.stdout, b""
        assert out is not None  # a pipe was asked for
        end = time.monotonic() + seconds
        while b"\n" not in line:
            left = end - time.monotonic()
            if left <= 0 or len(line) > 4096:
                raise GazeConnectionError(f"{program}: told no address within {seconds:g} s")
            if select.select([out], [], [], left)[0]:
                piece = os.read(out.fileno(), 4096)
                if not piece:
                    self._process.wait(_STOP_S)
                    raise GazeConnectionError(f"{program}: {self.gone()}")
                line += piece
        _, found, rest = line.decode(errors="replace").partition(" at ")
        address = rest.split("; ")[0].strip()
        if not found or not address.startswith(("tcp://", "ipc://")):
            raise GazeConnectionError(
                f"{program}: expected the address it serves, got {line[:200]!r}"
            )
        return address


def _stop(process: subprocess.Popen[bytes], folder: str, owner: int) -> None:
    if os.getpid() != owner:
        return  # a forked copy of this process does not own the server
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdout:
        process.stdout.close()
    shutil.rmtree(folder, ignore_errors=True)
