"""Sums of products of small tiles, whose partial sums stay in vector registers.

A tile is a few rows of `TILE` bytes. LLVM does not keep one in registers when it
vectorises loops, so its code is written here; `views.py` has the plain twins.
"""

# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import llvmlite.binding
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from srcgrad.runtime.views import TILE

__all__ = ["outer_tile", "product_tile"]

INT, BIT, VOID = ir.IntType(64), ir.IntType(1), ir.VoidType()
VECTOR = 64  # bytes; narrower machines take two or four registers for one
WIDE = bool(llvmlite.binding.get_host_cpu_features().get("avx512f"))
ROWS = 12 if WIDE else 3  # so many sums, with what they take, have place in registers


def _loop(
    builder: Any, turns: Any, carried: Sequence[tuple[Any, Any]], body: Any
) -> list[Any]:
    """Emit a loop of one turn or more and return what it carries, after the last.

    `carried` are pairs of a type and a first value; `body` makes the next values.
    """
    before = builder.block
    builder.branch(block := builder.append_basic_block("turn"))
    builder.position_at_end(block)
    phis = [builder.phi(kind) for kind, _ in [(INT, None), *carried]]
    for phi, first in zip(phis, [INT(0), *(v for _, v in carried)], strict=True):
        phi.add_incoming(first, before)
    after = [builder.add(phis[0], INT(1)), *body(phis[1:])]
    for phi, value in zip(phis, after, strict=True):
        phi.add_incoming(value, builder.block)
    done = builder.append_basic_block("done")
    builder.cbranch(builder.icmp_signed("<", after[0], turns), block, done)
    builder.position_at_end(done)
    return after[1:]


def _stored(builder: Any, places: list[Any], more: Any, size: int) -> list[Any]:
    """Emit what is at these places for `more`, else zeros; return it."""
    vector = places[0].type.pointee
    start = builder.block
    load, go = (builder.append_basic_block(name) for name in ("load", "go"))
    builder.cbranch(more, load, go)
    builder.position_at_end(load)
    stored = [builder.load(place, align=size) for place in places]
    builder.branch(go)
    builder.position_at_end(go)
    out = []
    for old in stored:
        out.append(phi := builder.phi(vector))
        phi.add_incoming(ir.Constant(vector, None), start)
        phi.add_incoming(old, load)
    return out


def _define(module: Any, item: Any, rows: int, across: bool) -> Any:
    """Return the function that adds up a tile of so many rows; all `rows` are in it."""
    name = f"srcgrad.tile.{item}.{rows}.{across:d}"
    if name in module.globals:
        return module.globals[name]
    size = 4 if isinstance(item, ir.FloatType) else 8
    lanes, pointer = VECTOR // size, item.as_pointer()
    vector = ir.VectorType(item, lanes)
    given = [pointer, INT, INT, INT, pointer, INT, INT, pointer, INT, INT, INT, BIT]
    function = ir.Function(module, ir.FunctionType(VOID, given), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    a, a_row, a1, a2, b, b1, b2, c, c_row, n1, n2, more = function.args
    for whole in (a, b, c):
        whole.add_attribute("noalias")
    a_row, a2 = (INT(1), a2) if across else (a_row, INT(1))
    builder = ir.IRBuilder(function.append_basic_block())

    def at(start: Any, offset: Any) -> Any:
        return builder.gep(start, [offset])

    def vectors(start: Any) -> list[Any]:
        places = [at(start, INT(k * lanes)) for k in range(TILE // VECTOR)]
        return [builder.bitcast(place, vector.as_pointer()) for place in places]

    def turn(carried: list[Any]) -> list[Any]:
        from_a, from_b, *sums = carried
        factors = [builder.load(place, align=size) for place in vectors(from_b)]
        out = [at(from_a, a2), at(from_b, b2)]
        for row in range(rows):
            number = builder.load(at(from_a, builder.mul(INT(row), a_row)))
            spread = builder.insert_element(blank, number, ir.IntType(32)(0))
            spread = builder.shuffle_vector(spread, blank, first)
            for k, factor in enumerate(factors):
                product = builder.fmul(spread, factor, flags=("contract",))
                old = sums[row * len(factors) + k]
                out.append(builder.fadd(old, product, flags=("contract",)))
        return out

    def line(carried: list[Any]) -> list[Any]:
        from_a, from_b, *sums = carried
        kinds = [pointer, pointer] + [vector] * len(sums)
        _, _, *sums = _loop(builder, n2, list(zip(kinds, carried, strict=True)), turn)
        return [at(from_a, a1), at(from_b, b1), *sums]

    blank = ir.Constant(vector, ir.Undefined)
    first = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
    results = [
        place
        for row in range(rows)
        for place in vectors(at(c, builder.mul(INT(row), c_row)))
    ]
    sums = [(vector, value) for value in _stored(builder, results, more, size)]
    carried = [(pointer, a), (pointer, b), *sums]
    _, _, *sums = _loop(builder, n1, carried, line)
    for place, value in zip(results, sums, strict=True):
        builder.store(value, place, align=size)
    builder.ret_void()
    return function


def _tile(name: str, across: bool) -> Any:
    """Return the intrinsic that adds up a tile; its rows may be any number."""

    def typed(
        typing_context: Any, a: Any, at_a: Any, b: Any, at_b: Any, c: Any, at_c: Any,
        lengths: Any, more: Any,
    ) -> Any:  # fmt: skip
        kinds = a, at_a, b, at_b, c, at_c, lengths, more

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def whole(k: int) -> list[Any]:
                numbers = cgutils.unpack_tuple(builder, args[k])
                pairs = zip(numbers, kinds[k], strict=True)
                return [context.cast(builder, n, t, types.intp) for n, t in pairs]

            data = [
                make_array(kinds[k])(context, builder, args[k]).data for k in (0, 2, 4)
            ]
            (a0, a_row, a1, a2), b_steps, (c0, c_row) = map(whole, (1, 3, 5))
            rows, n1, n2 = whole(6)
            most, item = INT(ROWS), context.get_data_type(a.dtype)
            parts = builder.sdiv(builder.add(rows, INT(ROWS - 1)), most)
            with cgutils.for_range(builder, parts) as loop:
                cut = [
                    builder.sdiv(
                        builder.mul(rows, builder.add(loop.index, INT(k))), parts
                    )
                    for k in (0, 1)
                ]
                done = builder.append_basic_block("done")
                choice = builder.switch(builder.sub(cut[1], cut[0]), done)
                for count in range(1, ROWS + 1):
                    block = builder.append_basic_block(f"rows{count}")
                    choice.add_case(INT(count), block)
                    builder.position_at_end(block)
                    starts = [
                        builder.add(a0, builder.mul(cut[0], a_row)),
                        b_steps[0],
                        builder.add(c0, builder.mul(cut[0], c_row)),
                    ]
                    x, y, z = map(lambda p, s: builder.gep(p, [s]), data, starts)
                    builder.call(
                        _define(builder.module, item, count, across),
                        [x, a_row, a1, a2, y, *b_steps[1:], z, c_row, n1, n2, args[7]],
                    )
                    builder.branch(done)
                builder.position_at_end(done)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    typed.__name__ = name
    return intrinsic(typed)


outer_tile, product_tile = _tile("outer_tile", True), _tile("product_tile", False)
