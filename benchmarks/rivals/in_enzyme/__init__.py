"""Enzyme inside JAX: JAX's texts as MLIR, differentiated and optimised by Enzyme."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
from enzyme_ad.jax import enzyme_jax_ir

from benchmarks.columns import Column
from benchmarks.program import Arguments, Program
from benchmarks.rivals import in_jax

TEXTS_OF = "jax"


def _differentiated(
    text: Callable[..., Any], program: Program, arguments: Arguments
) -> Callable[..., Any]:
    """Return value and gradients of a text, compiled; what is whole is known."""
    fixed = {i: a for i, a in enumerate(arguments) if isinstance(a, int)}
    moving = [i for i in range(len(arguments)) if i not in fixed]
    chosen = tuple(moving.index(i) for i in program.argnums)

    @enzyme_jax_ir(argv=())
    def own(*given: Any) -> Any:
        found = {**fixed, **dict(zip(moving, given, strict=True))}
        return text(*(found[i] for i in sorted(found)))

    both = jax.jit(jax.value_and_grad(own, argnums=chosen))

    def call(*given: Any) -> Any:
        return jax.block_until_ready(both(*(given[i] for i in moving)))

    return call


def columns(
    program: Program, arguments: Arguments, texts: Sequence[in_jax.Text]
) -> list[Column]:
    """Return a column for each text; how a scan is kept is Enzyme's own matter."""
    made = []
    for text in texts:
        wrap = getattr(text, "keywords", {}).get("wrap")
        if wrap is jax.checkpoint:
            continue
        call = _differentiated(text, program, arguments)
        kind = "plain" if wrap is None else "scan"
        column = Column("enzyme", call, True, in_jax.prepare, in_jax.finish, kind)
        made.append(column)
    return made
