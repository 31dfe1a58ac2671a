"""Every numbered example runs, is short, and says first how to run it.

What an example keeps to:

- Its first printed line is the one command that runs it in a fresh environment, such as
  `pip install -e '.[data]' && python examples/04_name.py`, before anything is imported
  that may be missing.
- With `--small` among its arguments it does the same on little data, in a few seconds.
- It writes files, if any, into the folder it is started from.
- If a package that it needs is not installed, it prints what to install and exits with
  77, which is the code for a skipped test in the tools of the GNU project.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("[0-9][0-9]_*.py"))
SKIPPED = 77
COMMAND = re.compile(r"pip install -e (?:\.|'\.\[([\w,-]+)\]') && python (examples/.+)")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path: Path, tmp_path: Path) -> None:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    others = {"PYTHONPATH": os.pathsep.join(paths), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, path, "--small"], cwd=tmp_path, env={**os.environ, **others},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    command, *rest = run.stdout.splitlines() or [""]
    assert run.returncode in (0, SKIPPED), run.stderr
    found = COMMAND.fullmatch(command)
    assert found, f"the first line is {command!r}"
    assert found[2] == f"examples/{path.name}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = set(filter(None, (found[1] or "").split(",")))
    assert extras <= project["optional-dependencies"].keys()
    if run.returncode == SKIPPED:
        said = "\n".join([*rest, run.stderr])
        assert "install" in said
        pytest.skip(said.strip().splitlines()[-1])
    assert rest, "nothing to see"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 80


def test_numbers_are_used_once() -> None:
    numbers = [path.name[:2] for path in EXAMPLES]
    assert numbers == sorted(set(numbers))
