"""Print a function beside the adjoint that was generated from it."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from typing import Any

from srcgrad.differentiated import Differentiated
from srcgrad.errors import SrcgradError
from srcgrad.options import Options


def show(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print the function as the user wrote it, then the generated adjoint.

    Args:
        f: A plain function, or what `grad` and its relatives return.
        *args: Arguments of the kinds to show it for; without any, the last ones.
        **kwargs: Likewise.

    Raises:
        SrcgradError: The function has no gradient, or no kind of arguments is known.
    """
    made = f if isinstance(f, Differentiated) else Differentiated(f, "grad", Options())
    print(*_texts(made, *args, **kwargs), sep="\n\n", end="")


def _texts(made: Differentiated, *args: Any, **kwargs: Any) -> tuple[str, str]:
    """Return the user's text and the generated one."""
    backward = made.source(*args, **kwargs) if args or kwargs else made.backward_source
    return textwrap.dedent(made.signature.source.text).rstrip(), backward


def as_html(made: Differentiated) -> str:
    """Return forward and backward, of what was called last, side by side."""
    try:
        texts = _texts(made)
    except SrcgradError:
        return f"<code>{html.escape(repr(made))}</code>"
    style = "text-align:left;vertical-align:top"
    cells = (f'<td style="{style}"><pre>{html.escape(t)}</pre></td>' for t in texts)
    return f"<table><tr>{''.join(cells)}</tr></table>"
