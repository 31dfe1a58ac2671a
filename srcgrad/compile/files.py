"""Keep generated modules and their machine code on disk, where they cannot go stale.

One specialisation is one folder, ``<root>/<version>/<key>/``::

    loss_grad_<key>.py      the generated text: a real file, for tracebacks and pdb
    *.machine               machine code, a file for each compiled signature
    manifest.json           the digest of every file above, written last

- The key digests all that the text and the machine code depend on, and is in the
  module's name: stale code cannot be addressed.
- A folder appears whole, by one rename, after the compile; every process builds in a
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
import json
import linecache
import os
import re
import shutil
import stat
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

_MANIFEST, _BUILDING = "manifest.json", ".building-"

# Settings of Numba that decide about machine code.
_CODEGEN = "OPT BOUNDSCHECK CPU_NAME CPU_FEATURES ENABLE_AVX LOOP_VECTORIZE "
_CODEGEN += "SLP_VECTORIZE DISABLE_JIT DEBUGINFO_DEFAULT"


class Entry:
    """One generated module and its machine code.

    Made by `open_entry`, and in one of three states. Found: taken whole from disk, with
    its machine code in memory. Building: `folder` is temporary and private; machine
    code is written into it until `commit` moves it. Else, and after `commit`, all is in
    memory.
    """

    def __init__(
        self, key: str, name: str, text: str, home: Path | None = None,
        folder: Path | None = None, files: Mapping[str, bytes] | None = None,
    ) -> None:  # fmt: skip
        """Take a text; where it lies or will lie; where it is built; what was found."""
        self.text, self.name = text, f"{name}_{key}"
        self.found, self.files = bool(files), files or {}
        # Tracebacks show the final path from the beginning: code objects keep it, and
        # it holds after the rename.
        self.path = str(home / f"{self.name}.py") if home else f"<srcgrad {self.name}>"
        self.folder, self._home, self._process = folder, home, os.getpid()
        self._module: ModuleType | None = None
        if folder is not None:
            weakref.finalize(self, _delete_own, folder, self._process)

    @property
    def building(self) -> bool:
        """Whether machine code may be written: not by a forked copy of the builder."""
        return self.folder is not None and self._process == os.getpid()

    def load(self) -> ModuleType:
        """Return the module, executed once.

        It is in `sys.modules` before it is executed: machine code names a function by
        its module. A text with Numba functions is loaded by `machine.load_compiled`.
        """
        if self._module is None:
            # Without a time linecache.checkcache never drops it: tracebacks and
            # getsource work before the rename, in memory, and after an eviction.
            lines = self.text.splitlines(keepends=True)
            linecache.cache[self.path] = (len(self.text), None, lines, self.path)
            module = ModuleType(self.name)
            module.__file__ = self.path
            code = compile(self.text, self.path, "exec", dont_inherit=True)
            sys.modules[self.name] = module
            try:
                exec(code, module.__dict__)
            except BaseException:
                sys.modules.pop(self.name, None)
                raise
            self._module = module
        return self._module

    def write(self, name: str, data: bytes) -> None:
        """Keep machine code; if that fails, the entry will not be on disk."""
        if self.building and self.folder is not None:
            try:
                (self.folder / name).write_bytes(data)
            except BaseException as error:  # interrupted: half of it is there
                self.discard()
                if not isinstance(error, OSError):
                    raise

    def discard(self) -> None:
        """Give up building: remove the temporary folder. What is loaded keeps on."""
        folder, self.folder = self.folder, None
        if folder is not None:
            _delete_own(folder, self._process)

    def commit(self) -> None:
        """Move what was built to its place, with its manifest. Call it once, compiled.

        If another process was quicker, its folder stays and ours is removed. An OSError
        (a full disk) leaves nothing behind. Either way what is loaded keeps working,
        and without the disk. On an entry that is not being built it does nothing.
        """
        if self.building and self.folder is not None and self._home is not None:
            try:
                files = sorted(self.folder.iterdir())
                digests = {path.name: digest(path.read_bytes()) for path in files}
                manifest = self.folder / _MANIFEST
                manifest.write_text(json.dumps(digests, indent=1))
                for path in (*files, manifest, self.folder):
                    _flush(path)
                _publish(self.folder, self._home)
                _make_room(self._home)
            except OSError:
                pass  # the folder is removed below, and nobody else ever saw it
        self.discard()


def open_entry(key: str, name: str, text: str) -> Entry:
    """Return the entry of this key from disk, or one to build: load, compile, commit.

    `key` digests all that the text and its machine code depend on: one key is one
    specialisation. A folder that holds another text is built anew.
    """
    root, data = cache_root(), text.encode("utf-8", "surrogatepass")
    if root is None:
        return Entry(key, name, text)
    home = root / _version() / key
    files = _files(home)
    if files.get(f"{name}_{key}.py") == data:
        try:
            os.utime(home)  # the least recently used is evicted first
        except OSError:
            pass  # a cache that can only be read serves all the same
        return Entry(key, name, text, home, files=files)
    try:
        home.parent.mkdir(mode=0o700, exist_ok=True)
        _check_folder(home.parent)
        folder = home.with_name(f"{_BUILDING}{os.urandom(8).hex()}")
        folder.mkdir(mode=0o700)
        entry = Entry(key, name, text, home, folder)
        (folder / f"{entry.name}.py").write_bytes(data)
        return entry
    except OSError:
        return Entry(key, name, text)  # the folder goes with the entry it was made for


def cache_root() -> Path | None:
    """Return the folder of the cache, made if need be, or None if none can be used.

    It is `SRCGRAD_CACHE_DIR`, else ``$XDG_CACHE_HOME/srcgrad``, else what the system
    has for caches. None if `SRCGRAD_CACHE` is 0, if the folder cannot be made, or if
    others could put code into it.
    """
    own, custom = os.environ.get("SRCGRAD_CACHE_DIR"), os.environ.get("XDG_CACHE_HOME")
    systems = {
        "win32": "AppData/Local/srcgrad/Cache",
        "darwin": "Library/Caches/srcgrad",
    }
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
    except (OSError, RuntimeError, ValueError):  # no home folder, a NUL in the name
        return None
    # In a sticky folder such as /tmp others cannot touch what is ours.
    return root if _is_ours(info) or info.st_mode & stat.S_ISVTX else None


def clear_cache() -> None:
    """Remove every entry of every version from disk. What is loaded keeps working.

    Only what has the name of an entry is removed: a `SRCGRAD_CACHE_DIR` that points to
    the wrong place loses nothing else.
    """
    root = cache_root()
    for folder in _folders(root) if root else ():
        _remove(folder)


def digest(*parts: str | bytes) -> str:
    """Return the BLAKE2 digest of the parts, each after its length, as 32 digits.

    >>> digest("a", "b") == digest("ab")
    False
    """
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(data).to_bytes(8, "little"))
        state.update(data)
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
    return (
        *parts,
        f"numba {numba.__version__} {settings}",
        f"llvmlite {llvmlite.__version__}",
        f"cpu {llvmlite.binding.get_host_cpu_name()}",
        f"features {llvmlite.binding.get_host_cpu_features().flatten()}",
    )


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


def _is_ours(info: os.stat_result) -> bool:
    """Return whether only this user or root can have written here."""
    if sys.platform == "win32":
        return True
    return info.st_uid in (os.geteuid(), 0) and not info.st_mode & 0o022


def _check_folder(folder: Path) -> None:
    """Raise an OSError unless this is a folder, not a link, that only we can write."""
    info = os.lstat(folder)
    if not stat.S_ISDIR(info.st_mode) or not _is_ours(info):
        raise PermissionError(f"not a folder of our own: {folder}")


def _read(path: Path) -> bytes:
    """Return the bytes of a regular file, not a link, that only we can write."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    # A named pipe planted here must not block.
    with open(os.open(path, flags | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
        info = os.fstat(file.fileno())
        if not stat.S_ISREG(info.st_mode) or not _is_ours(info):
            raise PermissionError(f"not a file of our own: {path}")
        return file.read()


def _files(home: Path) -> dict[str, bytes]:
    """Return an entry's files, none unless all of them are as the manifest says."""
    try:
        _check_folder(home.parent)
        _check_folder(home)
        files = {name: _read(home / name) for name in os.listdir(home)}
        manifest = json.loads(files.pop(_MANIFEST))
    except (OSError, ValueError, KeyError):
        return {}  # not there, or no manifest of ours: the same to us
    return files if manifest == {n: digest(d) for n, d in files.items()} else {}


def _flush(path: Path) -> None:
    """Force a file, or the names in a folder, to disk; only we may write to it."""
    if path.is_file():
        path.chmod(0o600)  # the umask may let the group write
    if os.name == "nt":
        return  # a folder cannot be opened; a torn file is found by its digest
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _publish(temporary: Path, home: Path) -> None:
    """Rename a finished folder to its place, unless another process was quicker."""
    try:
        os.rename(temporary, home)
    except OSError:
        if _files(home).items() & _files(temporary).items():
            return  # at least the text is the same
        _remove(home)  # damaged, or not ours
        os.rename(temporary, home)
    _flush(home.parent)


def _remove(path: Path) -> None:
    """Remove an entry, or whatever lies in its place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _delete_own(temporary: Path, process: int) -> None:
    """Delete a temporary folder, unless called in a forked copy of its process."""
    if process == os.getpid():
        shutil.rmtree(temporary, ignore_errors=True)


def _folders(root: Path, prefix: str = "") -> list[Path]:
    """Return the folders of the entries of all versions, or of those being built."""
    name = re.compile(prefix + "[0-9a-f]+")
    found = (path for path in root.glob("*/*") if name.fullmatch(path.name))
    return [path for path in found if path.is_dir() and not path.is_symlink()]


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
    for folder in _folders(root, _BUILDING):
        if now - folder.stat().st_mtime > 24 * 3600:
            _remove(folder)
    entries = [(_used(folder), folder) for folder in _folders(root)]
    total = sum(size for (_, size), _ in entries)
    cap = int(wanted) if wanted.isdecimal() else 1 << 30
    for (_, size), folder in sorted(entries):
        if total > cap and folder != home:
            _remove(folder)
            total -= size


def _used(folder: Path) -> tuple[float, int]:
    """Return when an entry was last found and the bytes of its files, 0 if gone."""
    try:
        size = sum(item.stat().st_size for item in os.scandir(folder))
        return folder.stat().st_mtime, size
    except OSError:
        return 0.0, 0
