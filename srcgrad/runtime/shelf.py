"""Machine code of kernels on disk, one file for each signature.

Numba's own cache keeps an index beside the data. Two processes that compile at once can
then cross signatures, and an edit while one runs leaves old code under the new stamp.
Here the name of a file says all that its content depends on, the file appears whole by
one rename, and it is read only if its digest is right.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

import numba
from numba.core import serialize

__all__ = ["Shelf"]


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


class Shelf:
    """What a dispatcher keeps its machine code in, for one kernel.

    Args:
        folder: Where the files lie; it is made when the first one is written.
        name: The kernel's name, with its module.
        stamp: What tells its code, and that of all it calls, from any other.
    """

    def __init__(self, folder: str, name: str, stamp: str) -> None:
        self.folder = Path(folder)
        self.name = name
        self.stamp = stamp

    def path(self, key: Any) -> Path:
        """Return the file for a signature and a processor."""
        about = repr((numba.__version__, sys.version, key)).encode()
        return self.folder / f"{self.name}.{self.stamp}.{_digest(about).hex()}.nbc"

    def load(self, key: Any) -> Any:
        """Return what was saved, None if nothing whole is there."""
        try:
            blob = self.path(key).read_bytes()
            return pickle.loads(blob[16:]) if _digest(blob[16:]) == blob[:16] else None
        except Exception:  # whatever it is, compiling is the answer
            return None

    def save(self, key: Any, data: Any) -> None:
        """Write one file, and drop those of older code; a full disk is no error."""
        content = serialize.dumps(data)  # type: ignore[no-untyped-call]
        target = self.path(key)
        try:
            handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=target.name)
            with os.fdopen(handle, "wb") as file:
                file.write(_digest(content) + content)
            os.replace(temporary, target)
            for old in self.folder.glob(f"{self.name}.*.nbc"):
                if not old.name.startswith(f"{self.name}.{self.stamp}."):
                    old.unlink(missing_ok=True)
        except OSError:
            return

    def flush(self) -> None:
        """Drop all files of the kernel."""
        for old in self.folder.glob(f"{self.name}.*.nbc"):
            old.unlink(missing_ok=True)
