"""Keep generated modules and their machine code on disk, where they cannot go stale.

One specialisation is one folder, ``<root>/<version>/<key>/``::

    loss_grad_<key>.py      the generated text: a real file, for tracebacks and pdb
    *.machine               machine code, a file for each compiled signature
    manifest.json           the digest of every file above, written last

- The key digests all that the text and the machine code depend on, and is in the
  module's name: stale code cannot be addressed.
- A folder appears whole, by one rename, after the compile; every process writes a
  temporary folder of its own.
- A folder is code that will be run. It is used only if it and all its files belong to
  this user or to root, nobody else may write there, no symbolic link is among them and
  every digest is right (one flipped bit in machine code aborts the process). Else it is
  built anew. On Windows owner and mode are not checked.
- An OSError is never the user's problem: where the disk cannot be used the module lives
  in memory, and its text in `linecache`.
"""

import functools
import hashlib
import io
import json
import linecache
import os
import re
import shutil
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType

import numpy as np

_MANIFEST, _BUILDING = "manifest.json", ".building-"

# Settings of Numba that decide about machine code.
_CODEGEN = "OPT BOUNDSCHECK CPU_NAME CPU_FEATURES ENABLE_AVX LOOP_VECTORIZE "
_CODEGEN += "SLP_VECTORIZE DISABLE_JIT DEBUGINFO_DEFAULT"


class Entry:
    """One generated module and its machine code, in memory until `commit`.

    Made by `open_entry`. One that was found came whole from disk and stays as it is.
    """

    def __init__(
        self, key: str, name: str, text: str, home: Path | None = None
    ) -> None:
        """Take a text called `name`, and where it belongs on disk, if anywhere."""
        self.name, self.text, self._home = name, text, home
        self._full = full = f"{name}_{key}"
        # Tracebacks show the final path from the beginning: code objects keep it.
        self.path = str(home / f"{full}.py") if home else f"<srcgrad {full}>"
        own = {f"{full}.py": text.encode("utf-8", "surrogatepass")}
        files = _read_folder(home) if home else {}
        self.found = own.items() <= files.items()
        self.building = home is not None and not self.found
        self.files = files if self.found else own

    def load(self) -> ModuleType:
        """Execute the module and return it; Numba's: `machine.load_compiled`."""
        module = ModuleType(self._full)
        module.__file__ = self.path
        # Without a time linecache.checkcache never drops it: tracebacks and getsource
        # work before the commit, in memory, and after an eviction.
        lines = io.StringIO(self.text).readlines()
        linecache.cache[self.path] = (len(self.text), None, lines, self.path)
        # First in sys.modules: machine code names a function by its module.
        sys.modules[self._full] = module
        exec(compile(self.text, self.path, "exec", dont_inherit=True), vars(module))
        return module

    def commit(self) -> None:
        """Write what was built to its place, if there is one. Call it once, compiled.

        If another process was quicker, its folder stays. An OSError (a full disk)
        leaves nothing behind. What is loaded keeps working, and without the disk.
        """
        home = self._home
        if home is None or not self.building:
            return
        self.building = False
        folder = home.with_name(f"{_BUILDING}{os.urandom(8).hex()}")
        try:
            home.parent.mkdir(mode=0o700, exist_ok=True)
            _check(os.lstat(home.parent), stat.S_ISDIR)
            folder.mkdir(mode=0o700)
            digests = {name: digest(data) for name, data in self.files.items()}
            self.files[_MANIFEST] = json.dumps(digests, indent=1).encode()
            for name, data in self.files.items():
                _write(folder / name, data)
            if not _read_folder(home):  # not there, damaged, or not ours
                _remove(home)
                os.rename(folder, home)
            _make_room(home)
        except OSError:
            pass  # nobody else ever saw the folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self.files = {}


def open_entry(key: str, name: str, text: str) -> Entry:
    """Return the entry of this key from disk, or one to build: load and commit it."""
    root = cache_root()
    entry = Entry(key, name, text, root / _version() / key if root else None)
    if entry.found:
        with suppress(OSError):  # a cache that can only be read serves all the same
            os.utime(Path(entry.path).parent)  # the least recently used goes first
    return entry


def cache_root() -> Path | None:
    """Return the folder of the cache, made if need be, or None if none can be used.

    It is `SRCGRAD_CACHE_DIR`, else ``$XDG_CACHE_HOME/srcgrad``, else what the system
    has for caches. None if `SRCGRAD_CACHE` is 0, if the folder cannot be made, or if
    others could put code into it.
    """
    own, custom = os.environ.get("SRCGRAD_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    systems = {"win32": "AppData/Local/srcgrad", "darwin": "Library/Caches/srcgrad"}
    if os.environ.get("SRCGRAD_CACHE") == "0":
        return None
    try:
        if own:
            root = Path(own).expanduser()
        elif custom and os.path.isabs(custom):  # the XDG rules ignore anything else
            root = Path(custom) / "srcgrad"
        else:
            root = Path.home() / systems.get(sys.platform, ".cache/srcgrad")
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = root.resolve(strict=True)
        info = root.stat()
        if not info.st_mode & stat.S_ISVTX:  # as /tmp: others cannot touch what is ours
            _check(info, stat.S_ISDIR)
    except (OSError, RuntimeError, ValueError):  # no home folder, a NUL in the name
        return None
    return root


def clear_cache() -> None:
    """Remove every entry of every version from disk. What is loaded keeps working.

    Only what has the name of an entry is removed: a `SRCGRAD_CACHE_DIR` that points to
    the wrong place loses nothing else.
    """
    root = cache_root()
    for folder in _folders(root) if root else ():
        if not folder.name.startswith(_BUILDING):
            _remove(folder)


def digest(*parts: str | bytes) -> str:
    """Return the BLAKE2 digest of the parts, each after its length, as 32 digits.

    >>> digest("a", "b") == digest("ab")
    False
    """
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little") + data)
    return state.hexdigest()


def environment(native: bool) -> tuple[str, ...]:
    """Return the versions that generated code depends on, as parts of a key.

    Numba is imported, and counts, with its settings and the processor, only if machine
    code is wanted (`native`).
    """
    srcgrad = f"srcgrad {_version()} {_digest_of_package()}"
    parts = (srcgrad, f"numpy {np.__version__}", f"python {sys.version}")
    if not native:
        return parts
    import llvmlite.binding
    import numba

    settings = [str(getattr(numba.config, name, "")) for name in _CODEGEN.split()]
    cpu = llvmlite.binding.get_host_cpu_name()
    features = llvmlite.binding.get_host_cpu_features().flatten()
    compilers = f"numba {numba.__version__} {settings}, llvmlite {llvmlite.__version__}"
    return (*parts, compilers, f"cpu {cpu} {features}")


def _version() -> str:
    """Return srcgrad's version, without importing the package from a layer of it."""
    return str(getattr(sys.modules["srcgrad"], "__version__", "0"))


@functools.cache
def _digest_of_package() -> str:
    """Return the digest of every source file of srcgrad.

    Machine code contains the kernels of the runtime, and an earlier compiler wrote
    other texts; while srcgrad is developed its version tells neither.
    """
    package = Path(__file__).parents[1]
    parts: list[str | bytes] = []
    for path in sorted(package.rglob("*.py")):
        parts += [str(path.relative_to(package)), path.read_bytes()]
    return digest(*parts)


def _check(info: os.stat_result, is_kind: Callable[[int], bool]) -> None:
    """Raise an OSError unless this is of its kind, and only we or root can write it."""
    ours = sys.platform == "win32" or (
        info.st_uid in (os.geteuid(), 0) and not info.st_mode & 0o022
    )
    if not ours or not is_kind(info.st_mode):
        raise PermissionError("not of our own")


def _read_folder(home: Path) -> dict[str, bytes]:
    """Return an entry's files, none unless all of them are as the manifest says."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_NONBLOCK", 0)  # a named pipe planted here must not block
    files: dict[str, bytes] = {}
    try:
        for folder in (home.parent, home):
            _check(os.lstat(folder), stat.S_ISDIR)
        for name in os.listdir(home):
            with open(os.open(home / name, flags), "rb") as file:
                _check(os.fstat(file.fileno()), stat.S_ISREG)
                files[name] = file.read()
        manifest = json.loads(files.pop(_MANIFEST))
    except (OSError, ValueError, KeyError):
        return {}  # not there, or no manifest of ours: the same to us
    return files if manifest == {n: digest(d) for n, d in files.items()} else {}


def _write(path: Path, data: bytes) -> None:
    """Write a new file that only we may read, and force it to disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags, mode=0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _remove(path: Path) -> None:
    """Remove an entry, or whatever lies in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _make_room(home: Path) -> None:
    """Evict the least recently used entries beyond the cap, but not the one just made.

    The cap is `SRCGRAD_CACHE_SIZE` in bytes, 1 GiB if that is no number. All folders
    are walked once a minute; what interrupted processes left is removed after a day.
    """
    root, now = home.parents[1], time.time()
    stamp, wanted = root / ".swept", os.environ.get("SRCGRAD_CACHE_SIZE", "")
    if stamp.exists() and now - stamp.stat().st_mtime < 60:
        return
    stamp.touch()
    room = int(wanted) if wanted.isdecimal() else 1 << 30
    entries = []
    for folder in _folders(root):
        with suppress(OSError):  # another process removes it
            size = sum(item.stat().st_size for item in os.scandir(folder))
            entries.append((folder.stat().st_mtime, size, folder))
    for used, size, folder in sorted(entries, reverse=True):  # the latest first
        if folder.name.startswith(_BUILDING):
            spent = now - used > 24 * 3600
        else:
            room -= size
            spent = room < 0 and folder != home
        if spent:
            _remove(folder)


def _folders(root: Path) -> list[Path]:
    """Return the folders of the entries of all versions, and of those being written."""
    ours = re.compile(f"{re.escape(_BUILDING)}[0-9a-f]{{16}}|[0-9a-f]{{32}}")
    found = (path for path in root.glob("*/*") if ours.fullmatch(path.name))
    return [path for path in found if path.is_dir() and not path.is_symlink()]
