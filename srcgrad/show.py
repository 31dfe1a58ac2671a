"""Print a function beside the adjoint that was generated from it."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable
from typing import Any

from srcgrad.differentiated import Differentiated
from srcgrad.errors import SrcgradError
from srcgrad.options import make_options

__all__ = ["as_html", "show"]

_STYLE = "text-align:left;vertical-align:top"


def show(f: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Print the function as the user wrote it, then the generated adjoint.

    Args:
        f: A plain function, or what `grad` and its relatives return.
        *args: Arguments of the kinds to show it for; without any, the last ones.
        **kwargs: Likewise.

    Raises:
        SrcgradError: The function has no gradient, or no kind of arguments is known.
    """
    made = f
    if not isinstance(made, Differentiated):
        made = Differentiated(f, "grad", make_options({}))
    forward, backward = _texts(made, args, kwargs)
    print(forward)
    print()
    print(backward, end="")


def _texts(
    made: Differentiated, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, str]:
    """Return the user's text and the generated one."""
    backward = made.source(*args, **kwargs) if args or kwargs else made.backward_source
    return textwrap.dedent(made.signature.source.text).rstrip(), backward


def as_html(made: Differentiated) -> str:
    """Return forward and backward side by side, for notebooks.

    Args:
        made: What `grad` and its relatives return; what was called last is shown.
    """
    try:
        forward, backward = _texts(made, (), {})
    except SrcgradError:
        return f"<code>{html.escape(repr(made))}</code>"
    cells = "".join(
        f'<td style="{_STYLE}"><pre>{html.escape(text)}</pre></td>'
        for text in (forward, backward)
    )
    return f"<table><tr>{cells}</tr></table>"
