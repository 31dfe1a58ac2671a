"""JAX: double precision, compiled, the best of plain, scan and scan with checkpoint."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.columns import Column
from benchmarks.program import Arguments, Program

jax.config.update("jax_enable_x64", True)

Text = Callable[..., Any]
Texts = dict[str, Sequence[Text]]


def scans(text: Text) -> tuple[Text, Text]:
    """Return a text whose `wrap` is for bodies of scans: as they are, checkpointed."""
    return partial(text, wrap=lambda body: body), partial(text, wrap=jax.checkpoint)


def prepare(arguments: Arguments) -> Arguments:
    """Return arguments with JAX's arrays."""
    return tuple(jnp.array(a) if isinstance(a, np.ndarray) else a for a in arguments)


def finish(result: Any) -> Any:
    """Return value and gradients as NumPy's."""
    value, gradients = result
    return float(value), [np.asarray(g) for g in gradients]


def columns(
    program: Program, arguments: Arguments, texts: Sequence[Text]
) -> list[Column]:
    """Return a column for each text."""
    fixed = tuple(i for i, a in enumerate(arguments) if isinstance(a, int))
    made = []
    for text in texts:
        both = jax.value_and_grad(text, argnums=program.argnums)
        jitted = jax.jit(both, static_argnums=fixed)

        def call(*own: Any, jitted: Callable[..., Any] = jitted) -> Any:
            return jax.block_until_ready(jitted(*own))

        def ready(*own: Any, jitted: Any = jitted) -> Callable[[], Any]:
            made = jitted.lower(*own).compile()
            moving = [a for i, a in enumerate(own) if i not in fixed]
            return lambda: jax.block_until_ready(made(*moving))

        wrap = getattr(text, "keywords", {}).get("wrap")
        kind = "plain" if wrap is None else "scan"
        kind = "checkpoint" if wrap is jax.checkpoint else kind
        made.append(Column("jax", call, True, prepare, finish, kind, ready))
    return made
