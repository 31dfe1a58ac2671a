"""Fixtures that all tests share."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

# The suite compiles thousands of functions once: none belongs in the user's cache.
if "SRCGRAD_CACHE_DIR" not in os.environ:
    _cache = tempfile.TemporaryDirectory(prefix="srcgrad-tests-")
    os.environ["SRCGRAD_CACHE_DIR"] = _cache.name

GOLDEN = Path(__file__).parent / "golden"

CompareGolden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the one flag that rewrites expected texts."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write the texts under tests/golden instead of comparing with them",
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> CompareGolden:
    """Return `compare(path, text)`: is the text what tests/golden/<path> holds?"""
    update = bool(request.config.getoption("--update-golden"))

    def compare(path: str, text: str) -> None:
        __tracebackhide__ = True
        file = GOLDEN / path
        text = text.rstrip("\n") + "\n"
        if update:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8", newline="\n")
        elif not file.exists():
            pytest.fail(f"no file {file}: write it with --update-golden")
        assert text == file.read_text(encoding="utf-8"), f"{path} has changed"

    return compare
