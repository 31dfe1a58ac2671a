"""Keep generated modules and their machine code on disk, where they cannot go stale.

One specialisation is one folder, ``<root>/<version>/<key>/``::

    loss_grad_<key>.py            the generated text: a real file, for tracebacks, pdb
    loss_grad_<key>.*.nbi, .nbc   Numba's index and machine code
    meta.json                     what a warm start needs besides (persist_meta)
    manifest.json                 the digest of every file above, written last

- The key digests all that the text and the machine code depend on, and is in the
  module's name: stale code cannot be addressed.
- A folder appears whole, by one rename, after the compile; every process builds in a
  temporary folder of its own. Numba writes its index before its data, and two processes
  in one folder can cross signatures: neither can be seen here.
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
import platform
import shutil
import stat
import sys
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

_MANIFEST, _META = "manifest.json", "meta.json"
_BUILDING = ".building-"
_SIZE = ".size"
_HOUR = 3600.0

# Settings of Numba that decide about machine code, beyond its own index key.
_CODEGEN = "OPT BOUNDSCHECK CPU_NAME CPU_FEATURES ENABLE_AVX LOOP_VECTORIZE "
_CODEGEN += "SLP_VECTORIZE DISABLE_JIT DEBUGINFO_DEFAULT"


class CacheInfo(NamedTuple):
    """Where the cache lies (None: all is kept in memory) and how much it holds."""

    path: Path | None
    entries: int
    bytes: int


class Entry:
    """One generated module, or a few that belong together, and their machine code.

    Made by `open_entry` and `lookup`, and in one of three states. Found: taken whole
    from disk; machine code is read from `folder`, never written. Building: `folder` is
    temporary and private; machine code is written into it until `commit` moves it.
    Else, and after `commit`, all is in memory and `folder` is None.
    """

    def __init__(
        self,
        key: str,
        sources: Mapping[str, str],
        home: Path | None = None,
        temporary: Path | None = None,
        meta: str = "{}",
    ) -> None:
        self.key = key
        self.sources = dict(sources)
        self.found = home is not None and temporary is None
        self._home = home
        self._temporary = temporary
        self._meta = meta
        self._spoiled = False
        self._process = os.getpid()
        self._modules: dict[str, ModuleType] = {}
        if temporary is not None:
            weakref.finalize(self, _delete_own, temporary, self._process)

    @property
    def building(self) -> bool:
        """Whether machine code may be written: not by a forked copy of the builder."""
        own = self._process == os.getpid()
        return self._temporary is not None and own and not self._spoiled

    @property
    def folder(self) -> Path | None:
        """Where machine code is read (found) or written (building) now."""
        if self.building:
            return self._temporary
        return self._home if self.found else None

    @property
    def meta(self) -> dict[str, Any]:
        """What `persist_meta` was given, as JSON returns it: cold and warm alike."""
        meta: dict[str, Any] = json.loads(self._meta)
        return meta

    def path(self, name: str) -> str:
        """Return the file name that tracebacks show for the module called `name`.

        It is the final path from the beginning, also while the folder is being built:
        code objects keep it, and it holds after the rename.
        """
        module = f"{name}_{self.key}"
        return str(self._home / f"{module}.py") if self._home else f"<srcgrad {module}>"

    def load(self, name: str | None = None) -> ModuleType:
        """Return the module called `name` (else the first source), executed once.

        It is in `sys.modules` before it is executed: Numba imports a function's module
        by name when it unpickles machine code. A text with Numba functions is loaded by
        `srcgrad.compile.locator.load_compiled`, which calls this. Raises KeyError if
        there is no such source, and what the text raises.
        """
        name = next(iter(self.sources)) if name is None else name
        if name in self._modules:
            return self._modules[name]
        text, path = self.sources[name], self.path(name)
        # Without a time linecache.checkcache never drops it: tracebacks and getsource
        # work before the rename, in memory, and after an eviction.
        lines = io.StringIO(text).readlines()
        linecache.cache[path] = (len(text), None, lines, path)
        module = ModuleType(f"{name}_{self.key}")
        module.__file__ = path
        module.__dict__["__srcgrad_entry__"] = self  # how our locator knows its own
        code = compile(text, path, "exec", dont_inherit=True)
        sys.modules[module.__name__] = module
        try:
            exec(code, module.__dict__)
        except BaseException:
            sys.modules.pop(module.__name__, None)
            raise
        self._modules[name] = module
        return module

    def spoil(self) -> None:
        """Note that machine code could not be written whole: commit must do nothing."""
        self._spoiled = True

    def discard(self) -> None:
        """Give up building: remove the temporary folder. What is loaded keeps on."""
        temporary, self._temporary = self._temporary, None
        if temporary is not None:
            _delete_own(temporary, self._process)

    def commit(self) -> None:
        """Move what was built to its place, with its manifest. Call it once, compiled.

        If another process was quicker, its folder stays and ours is removed. An OSError
        (a full disk) leaves nothing behind. Either way what is loaded keeps working,
        and without the disk. On an entry that is not being built it does nothing.
        """
        if self.building and self._home is not None and self._temporary is not None:
            try:
                size = _seal(self._temporary, self)
                _publish(self._temporary, self._home, self)
                _make_room(self._home, size)
            except OSError:
                pass  # the folder is removed below, and nobody else ever saw it
        self.discard()


def cache_root() -> Path | None:
    """Return the folder of the cache, made if need be, or None if none can be used.

    It is `SRCGRAD_CACHE_DIR`, else ``$XDG_CACHE_HOME/srcgrad``, else what the system
    has for caches. None if `SRCGRAD_CACHE` is 0, if the folder cannot be made, or if
    others could put code into it.
    """
    if os.environ.get("SRCGRAD_CACHE") == "0":
        return None
    try:
        root = _configured_root()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root = root.resolve(strict=True)
        info = root.stat()
    except (OSError, RuntimeError, ValueError):  # no home folder, a NUL in the name
        return None
    # In a sticky folder such as /tmp others cannot touch what is ours.
    return root if _is_ours(info) or info.st_mode & stat.S_ISVTX else None


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
    try:
        import llvmlite.binding
        import numba
    except ImportError:
        return (*parts, "numba none")
    settings = [str(getattr(numba.config, name, "")) for name in _CODEGEN.split()]
    return (
        *parts,
        f"numba {numba.__version__} {settings}",
        f"llvmlite {llvmlite.__version__}",
        f"cpu {llvmlite.binding.get_host_cpu_name()}",
        f"features {llvmlite.binding.get_host_cpu_features().flatten()}",
    )


def lookup(key: str) -> Entry | None:
    """Return the entry of this key if it lies complete and valid on disk, or None.

    Every file was read and its digest compared when this returns. Raises ValueError if
    the key is not one that `digest` made.
    """
    home = _home(key)
    return None if home is None else _find(home, key)


def open_entry(key: str, sources: Mapping[str, str]) -> Entry:
    """Return the entry of this key from disk, or one to build: load, compile, commit.

    `key` digests all that the texts and their machine code depend on: one key is one
    specialisation. `sources` has the texts by short name (an identifier), the main one
    first; a folder that holds other texts is built anew. Raises ValueError if the key
    is no digest, a name no identifier, or there is no text.
    """
    if not sources or not all(name.isidentifier() for name in sources):
        raise ValueError(f"the names of modules must be identifiers: {list(sources)}")
    home = _home(key)
    if home is None:
        return Entry(key, sources)
    found = _find(home, key)
    if found is not None and found.sources == dict(sources):
        return found
    try:
        temporary = _make_temporary(home.parent)
        entry = Entry(key, sources, home, temporary)
        for name, text in sources.items():
            path = temporary / Path(entry.path(name)).name
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        return entry
    except OSError:
        return Entry(key, sources)  # the folder goes with the entry it was made for


def persist_meta(entry: Entry, meta: Mapping[str, object]) -> None:
    """Store what a warm start needs besides the text: shown texts, maps to user lines.

    It is written by `Entry.commit`, is covered by the manifest, and read as
    `Entry.meta`. An entry found on disk has its own, and keeps it. Raises TypeError or
    ValueError if JSON cannot hold it.
    """
    if not entry.found:
        entry._meta = json.dumps(meta, separators=(",", ":"))


def clear_cache() -> None:
    """Remove every entry of every version from disk. What is loaded keeps working.

    Only what has the name of an entry is removed: a `SRCGRAD_CACHE_DIR` that points to
    the wrong place loses nothing else.
    """
    root = cache_root()
    if root is not None:
        for folder in _entries(root):
            _remove(folder)
        _remove_leftovers(root, 0.0)


def cache_info() -> CacheInfo:
    """Return where the cache lies, how many entries it holds and how many bytes."""
    root = cache_root()
    folders = _entries(root) if root is not None else []
    return CacheInfo(root, len(folders), sum(_measure(folder)[1] for folder in folders))


def _configured_root() -> Path:
    """Return the folder that the environment or the custom of the system names."""
    own = os.environ.get("SRCGRAD_CACHE_DIR")
    if own:
        return Path(own).expanduser()
    caches = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if caches.is_absolute():  # the XDG rules ignore anything else
        return caches / "srcgrad"
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home()) / "srcgrad" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "srcgrad"
    return Path.home() / ".cache" / "srcgrad"


def _home(key: str) -> Path | None:
    """Return where the entry of this key lies, or None without a cache."""
    if not _is_key(key):
        raise ValueError(f"not a digest: {key!r}")
    root = cache_root()
    return None if root is None else root / _version() / key


def _is_key(name: str) -> bool:
    """Return whether `digest` could have made this."""
    return len(name) == 32 and set(name) <= set("0123456789abcdef")


def _version() -> str:
    """Return srcgrad's version, without importing the package from a layer of it."""
    package = sys.modules[__name__.partition(".")[0]]
    return str(getattr(package, "__version__", "0"))


@functools.cache
def _digest_of_package() -> str:
    """Return the digest of every source file of srcgrad.

    Machine code contains the kernels of the runtime, and a warm start reads texts that
    an earlier compiler wrote; while srcgrad is developed its version tells neither.
    """
    package = os.path.dirname(os.path.dirname(__file__))
    parts: list[str | bytes] = []
    for folder, below, files in os.walk(package):
        below.sort()
        for name in sorted(files):
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                parts += [path[len(package) :], Path(path).read_bytes()]
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


def _find(home: Path, key: str) -> Entry | None:
    """Return the entry in this folder if all of it is as the manifest says."""
    try:
        _check_folder(home.parent)
        _check_folder(home)
        manifest = json.loads(_read(home / _MANIFEST))
        digests: dict[str, str] = manifest["files"]
        if {*digests, _MANIFEST} != {*os.listdir(home)}:
            return None
        files = {name: _read(home / name) for name in digests}
        if any(digest(files[name]) != digests[name] for name in digests):
            return None
        sources = {
            name: files[f"{name}_{key}.py"].decode("utf-8", "surrogatepass")
            for name in manifest["modules"]
        }
        entry = Entry(key, sources, home, meta=files[_META].decode())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # not there, or no manifest of ours: the same to us
    try:
        os.utime(home / _MANIFEST)  # the least recently used is evicted first
    except OSError:
        pass  # a cache that can only be read serves all the same
    return entry


def _make_temporary(parent: Path) -> Path:
    """Make a folder of this process beside the final one."""
    parent.mkdir(mode=0o700, exist_ok=True)
    _check_folder(parent)
    temporary = parent / _temporary_name()
    temporary.mkdir(mode=0o700)
    return temporary


def _temporary_name() -> str:
    """Return a new name that tells which process of which machine it belongs to."""
    return f"{_BUILDING}{_machine()}-{os.getpid()}-{os.urandom(4).hex()}"


@functools.cache
def _machine() -> str:
    """Return digits for this machine: the processes of another are unknown here."""
    return digest(platform.node())[:8]


def _seal(folder: Path, entry: Entry) -> int:
    """Write meta data and manifest, force all to disk, and return the bytes taken."""
    (folder / _META).write_text(entry._meta)
    digests: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in (".py", ".nbi", ".nbc", ".json"):
            digests[path.name] = digest(path.read_bytes())
            _flush(path)
        else:
            path.unlink()  # what Numba was writing when it was interrupted
    manifest = {"modules": list(entry.sources), "files": digests}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))
    _flush(folder / _MANIFEST)
    _flush(folder)
    return _measure(folder)[1]


def _publish(temporary: Path, home: Path, entry: Entry) -> None:
    """Rename a sealed folder to its place, unless a valid one is there already."""
    try:
        os.rename(temporary, home)
    except OSError:
        there = _find(home, entry.key)
        if there is not None and there.sources == entry.sources:
            return  # another process was quicker
        _remove(home)  # damaged, or not ours
        os.rename(temporary, home)
    _flush(home.parent)


def _flush(path: Path) -> None:
    """Force a file, or the names in a folder, to disk; only we may write to it."""
    if path.is_file():
        path.chmod(0o600)  # Numba follows the umask, which may let the group write
    if os.name == "nt":
        return  # a folder cannot be opened; a torn file is found by its digest
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove an entry, or whatever lies in its place, so that no half of it is seen."""
    doomed = path.with_name(_temporary_name())
    try:
        os.rename(path, doomed)
        if doomed.is_dir() and not doomed.is_symlink():
            shutil.rmtree(doomed, ignore_errors=True)
        else:
            doomed.unlink()
    except OSError:
        pass  # gone already, or not in our power


def _delete_own(temporary: Path, process: int) -> None:
    """Delete a temporary folder, unless called in a forked copy of its process."""
    if process == os.getpid():
        shutil.rmtree(temporary, ignore_errors=True)


def _folders(folder: Path, levels: int = 2) -> list[Path]:
    """Return every folder, links aside, two levels below the root."""
    try:
        below = [Path(i) for i in os.scandir(folder) if i.is_dir(follow_symlinks=False)]
    except OSError:
        return []  # another process removed it
    return below if levels == 1 else [item for f in below for item in _folders(f, 1)]


def _entries(root: Path) -> list[Path]:
    """Return the folders of the entries of all versions."""
    return [folder for folder in _folders(root) if _is_key(folder.name)]


def _measure(folder: Path) -> tuple[float, int]:
    """Return when an entry was last found and the bytes of its files, 0 if gone."""
    try:
        size = sum(item.stat().st_size for item in os.scandir(folder))
        return (folder / _MANIFEST).stat().st_mtime, size
    except OSError:
        return 0.0, 0


def _make_room(home: Path, size: int) -> None:
    """Evict the least recently used entries beyond the cap, but not the one just made.

    The cap is `SRCGRAD_CACHE_SIZE` in bytes, 1 GiB if that is no number. A file keeps
    the sum and when it was counted: once a day, or beyond the cap, all folders are
    walked; else a commit costs no more with thousands of them.
    """
    root, wanted = home.parents[1], os.environ.get("SRCGRAD_CACHE_SIZE", "")
    cap, now = int(wanted) if wanted.isdecimal() else 1 << 30, int(time.time())
    record = home.parent / _SIZE
    try:
        total, counted = map(int, record.read_text().split())
    except (OSError, ValueError):
        total, counted = 0, 0
    total += size
    if total > cap or now - counted > 24 * _HOUR:
        _remove_leftovers(root, _HOUR)
        total, counted = _evict(root, home, cap), now
    record.write_text(f"{total} {counted}")


def _evict(root: Path, kept: Path, cap: int) -> int:
    """Remove the entries longest unused until the rest fits; return its bytes."""
    entries = sorted((*_measure(folder), folder) for folder in _entries(root))
    total = sum(size for _, size, _ in entries)
    # A tenth more than asked, so that not every commit to a full cache walks it.
    goal = cap if total <= cap else 0.9 * cap
    for _, size, folder in entries:
        if total > goal and folder != kept:
            _remove(folder)
            total -= size
    return total


def _remove_leftovers(root: Path, age: float) -> None:
    """Remove temporary folders of dead processes that are older than `age` seconds."""
    for folder in _folders(root):
        if not folder.name.startswith(_BUILDING):
            continue
        machine, _, rest = folder.name.removeprefix(_BUILDING).partition("-")
        process = rest.partition("-")[0]
        try:
            idle = time.time() - folder.stat().st_mtime
        except OSError:
            continue
        if machine == _machine() and process.isdecimal() and sys.platform != "win32":
            dead = not _is_alive(int(process))
        else:
            dead = idle > 24 * _HOUR  # nothing else tells us of another machine
        if dead and idle >= age:
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    """Return whether a process of this machine still runs."""
    try:
        os.kill(process, 0)
    except OSError as error:  # it may be another user's, and so not ours to signal
        return not isinstance(error, ProcessLookupError)
    return True
