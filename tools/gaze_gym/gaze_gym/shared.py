"""Pictures in memory that the server shares with processes of the same user on its host."""

from __future__ import annotations

import mmap
import os
import re
import stat

try:  # what multiprocessing.shared_memory rests on; without its tracker, which would remove ours
    import _posixshmem
except ImportError:  # no POSIX shared memory: pictures come in the messages
    _posixshmem = None  # type: ignore[assignment]

_NAME = re.compile(r"/gaze-[0-9a-f]{16}")


def available() -> bool:
    """Whether this Python can map shared memory."""
    return _posixshmem is not None


def attach(name: str, size: int) -> mmap.mmap | None:
    """Maps `size` bytes for reading; None if it is not here, not ours or not as promised."""
    if _posixshmem is None or not _NAME.fullmatch(name):
        return None
    try:
        fd = _posixshmem.shm_open(name, os.O_RDONLY, mode=0)
    except OSError:
        return None
    try:
        s = os.fstat(fd)
        if (not stat.S_ISREG(s.st_mode) or s.st_uid != os.geteuid() or s.st_mode & 0o077
                or s.st_size < size):
            return None
        return mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ)
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)
