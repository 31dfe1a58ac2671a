"""The promises of srcgrad/compile/files.py, each broken on purpose.

Machine code is tested in processes of its own: what one process wrote, the next must
find, whatever became of the files in between.
"""

import errno
import inspect
import json
import linecache
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest

from srcgrad.compile import files
from srcgrad.compile.files import Entry, digest, open_entry

ROOT = Path(__file__).parents[1]

posix_only = pytest.mark.skipif(os.name == "nt", reason="owner and mode are POSIX")

KERNEL = """\
from numba import njit


@njit
def half(x):
    return x * 0.5


@njit
def total(a):
    s = 0.0
    for i in range(a.shape[0]):
        s += half(a[i])
    return s
"""
KEY = digest(KERNEL)

# What a process does with the cache: `before` and `after` are statements of a test.
CHILD = """
import json, sys, time
import numpy as np
from srcgrad.compile import files, machine

key, text, before, after = sys.argv[1:]
exec(before)
entry = files.open_entry(key, "total", text)
module = machine.load_compiled(entry)
value = module.total(np.arange(4.0))
entry.commit()
exec(after)
stats = module.total.stats
counts = {name: sum(getattr(stats, name).values()) for name in stats._fields[1:]}
print(json.dumps({"found": entry.found, "value": value, **counts}))
"""
COLD = {"found": False, "value": 3.0, "cache_hits": 0, "cache_misses": 1}
WARM = COLD | {"found": True, "cache_hits": 1, "cache_misses": 0}

TEXT = "def double(x):\n    return 2 * x\n\n\ndef fail(x):\n    return 1 / (x - x)\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the root of a cache of the test's own."""
    for name in ("SRCGRAD_CACHE", "SRCGRAD_CACHE_SIZE", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cwd").mkdir()
    found = files.cache_root()
    assert found is not None
    return found


def start(root: Path, before: str = "", after: str = "") -> subprocess.Popen[str]:
    """Start a process that uses the kernel, in an empty folder of its own."""
    command = [sys.executable, "-W", "error", "-c", CHILD, KEY, KERNEL, before, after]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe, cwd = subprocess.PIPE, root.parent / "cwd"
    return subprocess.Popen(
        command, env=env, cwd=cwd, stdout=pipe, stderr=pipe, text=True
    )


def finish(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what the process reports."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    report: dict[str, Any] = json.loads(out.splitlines()[-1])
    return report


def run(root: Path, before: str = "", after: str = "") -> dict[str, Any]:
    """Start a process that uses the kernel and return what it reports."""
    return finish(start(root, before, after))


def names(root: Path) -> list[str]:
    """Return the names of all folders of entries, temporary ones included."""
    return sorted(path.name for path in root.glob("*/*"))


def size_of(root: Path) -> int:
    """Return how many bytes the files of all entries take."""
    return sum(path.stat().st_size for path in root.glob("*/*/*"))


def lookup(key: str, text: str = TEXT) -> Entry | None:
    """Return an entry if it lies complete and valid on disk."""
    entry = open_entry(key, "plain", text)
    return entry if entry.found else None


def home_of(root: Path, key: str = KEY) -> Path:
    """Return the folder of an entry."""
    (home,) = root.glob(f"*/{key}")
    return home


def build(key: str, text: str = TEXT) -> None:
    """Build and commit an entry without machine code."""
    entry = open_entry(key, "plain", text)
    assert entry.building
    entry.load()
    entry.commit()


def fail_with(code: int) -> Any:
    """Return a function that fails as the disk does."""

    def fail(*args: object, **kwargs: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return fail


def assert_works(module: ModuleType) -> None:
    """Check a loaded module: value, source text, traceback."""
    linecache.checkcache()
    assert module.double(3) == 6
    assert inspect.getsource(module.double) == "def double(x):\n    return 2 * x\n"
    assert sys.modules[module.__name__] is module
    with pytest.raises(ZeroDivisionError) as caught:
        module.fail(1)
    assert "return 1 / (x - x)" in "".join(traceback.format_exception(caught.value))


# Keys and places


def test_digest_separates_its_parts() -> None:
    parts = [("ab",), ("a", "b"), ("", "ab"), ("ab", ""), ("ba",), ()]
    assert len({digest(*p) for p in parts}) == len(parts)
    assert digest("é", b"x") == digest("é".encode(), "x")
    assert digest("\ud800") != digest("")  # source text may hold a lone surrogate


def test_root_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SRCGRAD_CACHE", "SRCGRAD_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    if sys.platform == "linux":
        assert files.cache_root() == tmp_path / "home" / ".cache" / "srcgrad"
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert "not" not in str(files.cache_root())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert files.cache_root() == tmp_path / "xdg" / "srcgrad"
    monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(tmp_path / "own"))
    assert files.cache_root() == tmp_path / "own"
    assert (tmp_path / "own").stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("SRCGRAD_CACHE", "0")
    assert files.cache_root() is None


def test_environment_leaves_numba_alone() -> None:
    code = "import sys; from srcgrad.compile import files; files.environment(False)"
    code += "; print({'numba', 'llvmlite'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.stdout.strip() == "set()", done.stderr


def test_environment_names_versions_and_processor() -> None:
    import llvmlite.binding
    import numba
    import numpy as np

    text = "\n".join(files.environment(native=True))
    assert f"numpy {np.__version__}" in text
    assert f"numba {numba.__version__}" in text
    assert llvmlite.binding.get_host_cpu_name() in text
    assert sys.version in text


def test_info_says_what_a_report_needs(root: Path) -> None:
    command = [sys.executable, "-m", "srcgrad"]
    done = subprocess.run([*command, "info"], cwd=ROOT, capture_output=True, text=True)
    for words in ("srcgrad 0.", "numpy ", "numba ", "cpu ", f"cache {root}"):
        assert f"\n{words}" in f"\n{done.stdout}", done.stderr
    wrong = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_environment_changes_with_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = tmp_path / "srcgrad" / "runtime" / "vmath.py"
    kernel.parent.mkdir(parents=True)
    monkeypatch.setattr(files, "__file__", str(tmp_path / "srcgrad/compile/files.py"))
    seen = set()
    for text in ("", "x = 1", "x = 2"):
        kernel.write_text(text)
        seen.add(files._digest_of_package.__wrapped__())
    kernel.rename(kernel.with_name("reduce.py"))
    seen.add(files._digest_of_package.__wrapped__())
    assert len(seen) == 4


# One process


def test_what_is_committed_is_found(root: Path) -> None:
    assert lookup(KEY) is None
    build(KEY)
    entry = lookup(KEY)
    assert entry is not None
    module = entry.load()
    assert_works(module)
    assert KEY in module.__name__
    assert names(root) == [KEY]


def test_nothing_is_seen_before_the_commit(root: Path) -> None:
    entry = open_entry(KEY, "plain", TEXT)
    entry.load()
    assert lookup(KEY) is None
    assert names(root) == []
    entry.commit()
    assert lookup(KEY) is not None
    assert not entry.building  # nothing more may be written


def test_the_slower_builder_gives_way(root: Path) -> None:
    quick, slow = (open_entry(KEY, "plain", TEXT) for _ in range(2))
    module = slow.load()
    quick.commit()
    folder = home_of(root).stat().st_ino
    slow.commit()
    assert home_of(root).stat().st_ino == folder
    assert names(root) == [KEY]
    assert_works(module)


def test_a_module_outlives_the_rename(root: Path) -> None:
    entry = open_entry(KEY, "plain", TEXT)
    module = entry.load()
    assert_works(module)
    entry.commit()
    assert_works(module)
    file = module.double.__code__.co_filename
    assert Path(file) == home_of(root) / f"plain_{KEY}.py"
    assert Path(file).read_text() == TEXT
    files.clear_cache()
    assert_works(module)


def test_other_texts_are_never_served(root: Path) -> None:
    build(KEY)
    entry = open_entry(KEY, "plain", "x = 1\n")
    assert entry.load().x == 1
    entry.commit()
    assert open_entry(KEY, "plain", "x = 1\n").load().x == 1
    assert names(root) == [KEY]


def test_a_module_can_be_imported_while_it_runs(root: Path) -> None:
    text = "import importlib\nown = importlib.import_module(__name__)\n"
    entry = open_entry(KEY, "own", text)
    module = entry.load()
    assert module.own is module


@posix_only
def test_only_the_user_may_read(root: Path) -> None:
    old = os.umask(0)
    try:
        build(KEY)
    finally:
        os.umask(old)
    home = home_of(root)
    folders = [path.stat().st_mode & 0o777 for path in (root, home.parent, home)]
    assert folders == [0o700] * 3
    assert {path.stat().st_mode & 0o777 for path in home.iterdir()} == {0o600}


def test_two_threads_may_build_the_same(root: Path) -> None:
    barrier = threading.Barrier(2)
    modules: list[ModuleType] = []

    def work() -> None:
        entry = open_entry(KEY, "plain", TEXT)
        barrier.wait()
        modules.append(entry.load())
        barrier.wait()
        entry.commit()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [module.double(2) for module in modules] == [4, 4]
    assert names(root) == [KEY]
    assert lookup(KEY) is not None


@posix_only
def test_a_fork_and_its_parent_may_commit(root: Path) -> None:
    code = f"""
import os, sys
from srcgrad.compile.files import open_entry
entry = open_entry({KEY!r}, "plain", "x = 1")
child = os.fork()
entry.commit()
if child == 0:
    sys.exit()
assert os.wait()[1] == 0
assert open_entry({KEY!r}, "plain", "x = 1").found
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert names(root) == [KEY]


# Damage and intrusion


def flip(path: Path) -> None:
    """Flip one bit in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def replace_by_file(home: Path) -> None:
    """Put a file in the place of a folder."""
    home.rename(home.with_name("gone"))
    home.write_text("a file")


def link(path: Path, target: Path) -> None:
    """Put a symbolic link to the very same thing in its place."""
    path.rename(target)
    path.symlink_to(target)


def plant_pipe(path: Path) -> None:
    """Put a pipe in the place of a file: opening it blocks."""
    path.unlink()
    os.mkfifo(path, 0o600)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "text flipped": lambda home: flip(home / f"plain_{KEY}.py"),
    "text gone": lambda home: (home / f"plain_{KEY}.py").unlink(),
    "text empty": lambda home: (home / f"plain_{KEY}.py").write_bytes(b""),
    "manifest flipped": lambda home: flip(home / "manifest.json"),
    "manifest gone": lambda home: (home / "manifest.json").unlink(),
    "manifest cut": lambda home: os.truncate(home / "manifest.json", 40),
    "manifest no object": lambda home: (home / "manifest.json").write_text("[1]"),
    "manifest no files": lambda home: (home / "manifest.json").write_text("{}"),
    "manifest no text": lambda home: (home / "manifest.json").write_bytes(b"\xff"),
    "file added": lambda home: (home / "planted.nbi").write_bytes(b""),
    "other key": lambda home: home.rename(home.with_name(digest("other"))),
    "file for folder": replace_by_file,
}
INTRUSION: dict[str, Callable[[Path], object]] = {
    "folder linked": lambda home: link(home, home.parent / "gone"),
    "file linked": lambda home: link(home / f"plain_{KEY}.py", home.parent / "gone"),
    "pipe": lambda home: plant_pipe(home / f"plain_{KEY}.py"),
    "folder group-writable": lambda home: home.chmod(0o770),
    "folder world-writable": lambda home: home.chmod(0o707),
    "file group-writable": lambda home: (home / f"plain_{KEY}.py").chmod(0o660),
}
if os.name != "nt":
    DAMAGE |= INTRUSION
    if os.geteuid() == 0:
        DAMAGE["folder of another"] = lambda home: os.chown(home, 12345, -1)
        DAMAGE["file of another"] = lambda home: os.chown(
            home / f"plain_{KEY}.py", 12345, -1
        )


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_seen_and_repaired(root: Path, damage: str) -> None:
    build(KEY)
    assert lookup(KEY) is not None
    DAMAGE[damage](home_of(root))
    for key in {KEY, *names(root)} - {"gone"}:
        assert lookup(key) is None
    build(KEY)
    assert lookup(KEY) is not None
    assert not home_of(root).is_symlink()


@posix_only
def test_what_a_link_points_to_is_left_alone(root: Path, tmp_path: Path) -> None:
    build(KEY)
    other = tmp_path / "other"
    home_of(root).rename(other)
    before = sorted(other.iterdir())
    (version,) = (path for path in root.iterdir() if path.is_dir())
    (version / KEY).symlink_to(other)
    build(KEY)
    files.clear_cache()
    assert sorted(other.iterdir()) == before


@posix_only
@pytest.mark.parametrize("mode", [0o770, 0o777])
def test_where_others_write_nothing_is_kept(root: Path, mode: int) -> None:
    build(KEY)
    (version,) = (path for path in root.iterdir() if path.is_dir())
    version.chmod(mode)
    assert lookup(KEY) is None
    entry = open_entry(KEY, "plain", TEXT)
    assert_works(entry.load())
    entry.commit()
    assert names(root) == [KEY]
    version.chmod(0o700)
    root.chmod(mode)
    assert files.cache_root() is None
    root.chmod(mode | 0o1000)  # sticky, as /tmp: others cannot touch what is ours
    assert lookup(KEY) is not None


# A disk that fails


@pytest.fixture(params=["off", "no home", "a file", "read-only", "refused", "full"])
def memory_only(
    request: pytest.FixtureRequest, root: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Make the disk unusable in one of several ways."""
    how: str = request.param
    match how:
        case "off":
            monkeypatch.setenv("SRCGRAD_CACHE", "0")
        case "no home":
            monkeypatch.setenv("SRCGRAD_CACHE_DIR", "/dev/null/nowhere")
        case "a file":
            (root.parent / "file").write_text("")
            monkeypatch.setenv("SRCGRAD_CACHE_DIR", str(root.parent / "file"))
        case "read-only":
            monkeypatch.setattr(os, "mkdir", fail_with(errno.EROFS))
        case "refused":
            if os.name == "nt" or os.geteuid() == 0:
                pytest.skip("modes do not bind this user")
            root.chmod(0o500)
        case "full":
            monkeypatch.setattr(os, "fsync", fail_with(errno.ENOSPC))
    return how


def test_without_a_disk_modules_live_in_memory(memory_only: str, root: Path) -> None:
    assert lookup(KEY) is None
    entry = open_entry(KEY, "plain", TEXT)
    assert not entry.found
    module = entry.load()
    entry.commit()
    assert_works(module)
    if memory_only in ("off", "no home", "a file"):
        assert module.double.__code__.co_filename == f"<srcgrad plain_{KEY}>"
    assert names(root) == []
    files.clear_cache()


@pytest.mark.parametrize("where", ["fsync", "rename", "mkdir"])
def test_a_commit_that_fails_leaves_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    entry = open_entry(KEY, "plain", TEXT)
    module = entry.load()
    with monkeypatch.context() as patch:
        patch.setattr(os, where, fail_with(errno.ENOSPC))
        entry.commit()
    assert names(root) == []
    assert_works(module)
    build(KEY)
    assert lookup(KEY) is not None


def test_a_read_only_cache_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(KEY)
    for name in ("mkdir", "utime", "rename"):
        monkeypatch.setattr(os, name, fail_with(errno.EROFS))
    entry = lookup(KEY)
    assert entry is not None
    assert_works(entry.load())


# Machine code


def test_a_second_process_compiles_nothing(root: Path) -> None:
    assert run(root) == COLD
    kept = {path.suffix for path in home_of(root).iterdir()}
    assert kept == {".py", ".json", ".machine"}
    before = {path: path.read_bytes() for path in home_of(root).iterdir()}
    assert run(root) == WARM
    assert {path: path.read_bytes() for path in home_of(root).iterdir()} == before
    assert names(root) == [KEY]


def test_loading_is_fast(root: Path) -> None:
    run(root)
    code = """
spent = []
for _ in range(5):
    begun = time.perf_counter()
    machine.load_compiled(files.open_entry(key, "total", text))
    spent.append(time.perf_counter() - begun)
assert min(spent) < 0.010, spent
"""
    assert run(root, after=code) == WARM


def test_two_processes_may_race(root: Path) -> None:
    # Both have compiled and written their folders before either renames its own.
    wait = """
import os, pathlib
rename = os.rename
def meet(*args):
    pathlib.Path(f"ready{os.getpid()}").touch()
    while not os.path.exists("go"):
        time.sleep(0.001)
    rename(*args)
os.rename = meet
"""
    cwd = root.parent / "cwd"
    processes = [start(root, wait) for _ in range(2)]
    deadline = time.monotonic() + 100
    while len(list(cwd.glob("ready*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    (cwd / "go").touch()
    assert [finish(process) for process in processes] == [COLD, COLD]
    assert names(root) == [KEY]
    assert run(root) == WARM


@posix_only
@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_process_killed_while_writing(root: Path, part: int) -> None:
    # Nothing, half or all of the machine code is on disk when it dies.
    kill = f"""
import os, signal
write = files._write
def die(path, data):
    if path.suffix != ".machine":
        return write(path, data)
    write(path, data[: len(data) * {part} // 2])
    os.kill(os.getpid(), signal.SIGKILL)
files._write = die
"""
    process = start(root, kill)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    (left,) = names(root)
    assert left != KEY
    assert any(path.suffix == ".machine" for path in root.glob(f"*/{left}/*"))
    assert run(root) == COLD
    assert run(root) == WARM


def test_an_interrupted_write_is_not_kept(root: Path) -> None:
    # Half of the machine code is written; the user goes on after Ctrl-C.
    interrupt = """
write = files._write
def half(path, data):
    write(path, data[:100])
    raise KeyboardInterrupt
files._write = half
load = machine.load_compiled
def loaded(entry):
    module = load(entry)
    try:
        module.total(np.arange(4.0))
    except KeyboardInterrupt:
        files._write = write
    else:
        raise AssertionError
    return module
machine.load_compiled = loaded
"""
    assert run(root, before=interrupt)["value"] == 3.0
    assert names(root) == []
    assert run(root) == COLD
    assert run(root) == WARM


def test_a_flipped_bit_is_rebuilt_not_run(root: Path) -> None:
    run(root)
    for path in home_of(root).glob("*.machine"):
        flip(path)
    assert not open_entry(KEY, "total", KERNEL).found
    assert run(root) == COLD
    assert run(root) == WARM


def test_what_numba_cannot_read_is_compiled(root: Path) -> None:
    # Written so, with the right digests: another module of the user's is gone, say.
    run(root)
    manifest = home_of(root) / "manifest.json"
    signed = json.loads(manifest.read_text())
    for path in home_of(root).glob("*.machine"):
        path.write_bytes(b"no pickle")
        signed[path.name] = digest(b"no pickle")
    manifest.write_text(json.dumps(signed))
    assert run(root) == WARM | {"cache_hits": 0, "cache_misses": 1}


@posix_only
def test_a_full_disk_is_not_the_users_problem(root: Path) -> None:
    # The text fits in, the machine code does not.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))"
    assert run(root, before=limit) == COLD
    assert names(root) == []
    assert run(root) == COLD
    assert run(root) == WARM


@pytest.mark.parametrize("variable", ["SRCGRAD_CACHE", "SRCGRAD_CACHE_DIR"])
def test_numba_without_a_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "0" if variable == "SRCGRAD_CACHE" else "/dev/null/x")
    assert run(root) == COLD
    assert run(root) == COLD
    assert names(root) == []
    assert list((root.parent / "cwd").iterdir()) == []


def test_a_second_signature_is_not_written(root: Path) -> None:
    more = "module.total(np.arange(4.0, dtype=np.float32))"
    assert run(root, after=more) == COLD | {"cache_misses": 2}
    before = {path: path.read_bytes() for path in home_of(root).iterdir()}
    assert run(root, after=more) == WARM | {"cache_misses": 1}
    assert {path: path.read_bytes() for path in home_of(root).iterdir()} == before
    assert names(root) == [KEY]


def test_numba_settings_do_not_move_our_code(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(elsewhere))
    user = tmp_path / "cwd" / "theirs.py"
    user.write_text(KERNEL.replace("@njit", "@njit(cache=True)"))
    # The user's own function goes where the user said, also after ours is installed.
    theirs = "sys.path.insert(0, '.'); import theirs; theirs.total(np.arange(3.0))"
    assert run(root, after=theirs) == COLD
    assert run(root) == WARM
    assert {path.name.split(".")[0] for path in elsewhere.rglob("*.nb?")} == {"theirs"}


def test_named_locators_do_not_move_our_code(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_LOCATOR_CLASSES", "InTreeCacheLocator")
    assert run(root) == COLD
    assert run(root) == WARM


# Size and age


def age(root: Path, key: str, seconds: float) -> None:
    """Let an entry seem not to have been used for so long."""
    then = time.time() - seconds
    os.utime(home_of(root, key), (then, then))


def sweep_next(root: Path) -> None:
    """Let the next commit walk the cache: the last did so more than a minute ago."""
    (root / ".swept").unlink()


def test_the_least_recently_used_goes_first(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [digest(str(i)) for i in range(5)]
    for number, key in enumerate(keys[:4]):
        build(key)
        age(root, key, 1000 - number)
    size = size_of(root) // 4
    assert lookup(keys[0]) is not None  # used now: the oldest is the second
    monkeypatch.setenv("SRCGRAD_CACHE_SIZE", str(3 * size))
    sweep_next(root)
    build(keys[4])
    assert names(root) == sorted([keys[0], keys[3], keys[4]])
    assert size_of(root) <= 3 * size


def test_the_entry_just_made_is_never_evicted(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRCGRAD_CACHE_SIZE", "1")
    for number in range(3):
        build(digest(str(number)))
        assert names(root) == [digest(str(number))]
        sweep_next(root)


def test_a_cap_that_is_no_number_is_the_default(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SRCGRAD_CACHE_SIZE", "plenty")
    build(digest("a"))
    build(digest("b"))
    assert len(names(root)) == 2


def test_few_commits_walk_the_cache(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walked: list[Path] = []
    walk = files._folders

    def walk_noted(folder: Path) -> list[Path]:
        walked.append(folder)
        return walk(folder)

    monkeypatch.setattr(files, "_folders", walk_noted)
    for number in range(4):
        build(digest(str(number)))
    assert walked == [root]  # by the first
    then = time.time() - 61
    os.utime(root / ".swept", (then, then))
    build(KEY)
    assert len(walked) == 2


def test_leftovers_are_removed_after_a_day(root: Path) -> None:
    build(digest("to have the folder of the version"))
    (version,) = (path for path in root.iterdir() if path.is_dir())
    left = {}
    for hours in (1, 23, 25):
        folder = version / f".building-{hours:016x}"
        folder.mkdir(mode=0o700)
        (folder / "half.machine").write_bytes(b"")
        then = time.time() - hours * 3600
        os.utime(folder, (then, then))
        left[hours] = folder
    sweep_next(root)
    build(KEY)
    assert [hours for hours, folder in left.items() if folder.exists()] == [1, 23]


def test_clearing_takes_entries_only(root: Path) -> None:
    build(KEY)
    build(digest("other"))
    (version,) = (path for path in root.iterdir() if path.is_dir())
    theirs = [root / "notes.txt", version / "notes.txt", version / "2026" / "notes.txt"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    building = open_entry(digest("building"), "plain", TEXT)
    files.clear_cache()
    assert lookup(KEY) is None
    assert names(root) == ["2026", "notes.txt"]
    assert all(path.read_text() == "mine" for path in theirs)
    building.commit()
    assert lookup(digest("building")) is not None
    build(KEY)
    assert lookup(KEY) is not None
