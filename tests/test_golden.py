"""What people read, held word for word: readable gradients, and refusals.

The texts are in tests/golden; `pytest --update-golden` writes them.
"""

import linecache
import re
from collections.abc import Iterator
from typing import Any

import pytest

from srcgrad.errors import SrcgradError
from tests.conftest import CompareGolden
from tests.refused import REFUSED

OURS = re.compile(
    r"nopython|\$\d|\bast\.|Literal\[|<ast|srcgrad/|numba\.|\bobject at 0x"
)


@pytest.fixture
def model() -> Iterator[str]:
    """Name a file that has a text in memory alone."""
    yield "model.py"
    linecache.cache.pop("model.py", None)


def define(source: str, file: str) -> Any:
    """Return the function `loss` of a module's source."""
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    space: dict[str, Any] = {"__name__": "model"}
    exec(compile(source, file, "exec"), space)
    return space["loss"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str, golden: CompareGolden, model: str) -> None:
    """Compare the text, and its code with the name; nothing of ours shows in it."""
    case = REFUSED[name]
    loss = define(case.source, model)
    with pytest.raises(SrcgradError) as caught:
        case.call(loss, *case.args, **case.options)
    text, codes = str(caught.value), [p.code for p in caught.value.problems]
    assert not OURS.search(text)
    assert name.partition("_")[0] in (*codes, "three")
    assert all(len(part.splitlines()) <= 15 for part in text.split("\n\n"))
    golden(f"errors/call_{name}.txt", text)
