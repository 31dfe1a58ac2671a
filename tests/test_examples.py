"""Every numbered example runs, is short, and says first how to run it.

What an example keeps to:

- Its first printed line is the one command that runs it in a fresh environment, such as
  `pip install -e '.[data]' && python examples/04_name.py`, before anything is imported
  that may be missing.
- With `--small` among its arguments it does the same on little data, in a few seconds.
- It writes files, if any, into the folder it is started from.
- If a package that it needs is not installed, it prints what to install and exits with
  77, which is the code for a skipped test in the tools of the GNU project.

The tests run it with what its command installs, and hide all other packages from it.
"""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
SKIPPED = 77
COMMAND = re.compile(
    r"pip install -e (?:\.|'\.\[([\w,-]+)\]') && python (examples/\w+\.py)"
)


FRESH = """
import runpy, sys
from importlib.machinery import PathFinder
hidden, path = set(sys.argv[1].split(",")), sys.argv[2]
class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in hidden else super().find_spec(name, path, target)
sys.meta_path[:] = [Finder if f is PathFinder else f for f in sys.meta_path]
sys.argv[:] = [path, "--small"]
runpy.run_path(path, run_name="__main__")
"""


@cache
def project() -> dict[str, Any]:
    """Return what pyproject.toml says of the project."""
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: dict[str, Any] = whole["project"]
    return found


def installed_by(extras: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return all packages that come with some extras, and those that are not here."""
    optional = project()["optional-dependencies"]
    todo = [*project()["dependencies"], *(r for e in extras for r in optional[e])]
    found, missing = set[str](), set[str]()
    while todo:
        need = Requirement(todo.pop())
        name = canonicalize_name(need.name)
        if name in found or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            todo += requires(name) or []
        except PackageNotFoundError:
            missing.add(name)
    return found, missing


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    found = COMMAND.search(path.read_text())
    assert found, "the command that runs it is missing"
    assert found[2] == f"examples/{path.name}"
    extras = [extra for extra in (found[1] or "").split(",") if extra]
    assert {*extras} <= project()["optional-dependencies"].keys()
    there, missing = installed_by(extras)
    hidden = [
        module
        for module, homes in packages_distributions().items()
        if not there.intersection(map(canonicalize_name, homes)) and module != "srcgrad"
    ]
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    others = {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, "-c", FRESH, ",".join(hidden), path],
        cwd=tmp_path, env={**os.environ, **others}, capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
    command, *rest = run.stdout.splitlines() or [""]
    said = "\n".join([*rest, run.stderr]).strip()
    if run.returncode == SKIPPED and (missing or "mpi" in extras):  # or MPI is
        assert "install" in said
        pytest.skip(said.splitlines()[-1])
    assert run.returncode == 0, said
    assert command == found[0], "it is not said first"
    assert rest, "nothing to see"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 80


def test_numbers_are_used_once() -> None:
    numbers = [path.name[:2] for path in EXAMPLES]
    assert numbers == sorted(set(numbers))
