"""In JAX: stencils, steps as scans."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax.numpy as jnp
from jax import lax

from benchmarks.rivals.in_jax import Texts, scans


def jacobi_1d(steps, a, b, wrap):
    def average(a):
        return 0.33333 * (a[:-2] + a[1:-1] + a[2:])

    def step(carry, _):
        a, b = carry
        b = b.at[1:-1].set(average(a))
        return (a.at[1:-1].set(average(b)), b), None

    (a, _), _ = lax.scan(wrap(step), (a, b), None, length=steps - 1)
    return jnp.sum(a * a)


def jacobi_2d(steps, a, b, wrap):
    def average(a):
        sides = a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1]
        return 0.2 * (a[1:-1, 1:-1] + sides)

    def step(carry, _):
        a, b = carry
        b = b.at[1:-1, 1:-1].set(average(a))
        return (a.at[1:-1, 1:-1].set(average(b)), b), None

    (a, _), _ = lax.scan(wrap(step), (a, b), None, length=steps - 1)
    return jnp.sum(a * a)


def heat_3d(steps, a, b, wrap):
    inner = slice(1, -1), slice(1, -1), slice(1, -1)

    def moved(a):
        c = a[inner]
        return (
            0.125 * (a[2:, 1:-1, 1:-1] - 2.0 * c + a[:-2, 1:-1, 1:-1])
            + 0.125 * (a[1:-1, 2:, 1:-1] - 2.0 * c + a[1:-1, :-2, 1:-1])
            + 0.125 * (a[1:-1, 1:-1, 2:] - 2.0 * c + a[1:-1, 1:-1, :-2])
            + c
        )

    def step(carry, _):
        a, b = carry
        b = b.at[inner].set(moved(a))
        return (a.at[inner].set(moved(b)), b), None

    (a, _), _ = lax.scan(wrap(step), (a, b), None, length=steps - 1)
    return jnp.sum(a * a)


def fdtd_2d(ex, ey, hz, source, wrap):
    def step(fields, given):
        ex, ey, hz = fields
        ey = ey.at[0, :].set(given)
        ey = ey.at[1:, :].add(-0.5 * (hz[1:, :] - hz[:-1, :]))
        ex = ex.at[:, 1:].add(-0.5 * (hz[:, 1:] - hz[:, :-1]))
        curl = ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1]
        return (ex, ey, hz.at[:-1, :-1].add(-0.7 * curl)), None

    (_, _, hz), _ = lax.scan(wrap(step), (ex, ey, hz), source)
    return jnp.sum(hz * hz)


def _seidel(steps, a, wrap, along):
    def row(above, rows):
        old, below = rows
        given = above[:-2] + above[1:-1] + above[2:] + old[1:-1] + old[2:]
        given = given + below[:-2] + below[1:-1] + below[2:]
        new = jnp.concatenate([old[:1], along(given, old[0]), old[-1:]])
        return new, new

    def step(a, _):
        _, inner = lax.scan(wrap(row), a[0], (a[1:-1], a[2:]))
        return jnp.concatenate([a[:1], inner, a[-1:]]), None

    a, _ = lax.scan(wrap(step), a, None, length=steps - 1)
    return jnp.sum(a * a)


def seidel_2d(steps, a, wrap):
    def along(given, first):
        def one(left, g):
            new = (g + left) / 9.0
            return new, new

        return lax.scan(one, first, given)[1]

    return _seidel(steps, a, wrap, along)


def seidel_2d_tree(steps, a, wrap):
    """The recurrence along a row by doubling."""

    def along(given, first):
        def joined(p, q):
            return p[0] * q[0], q[0] * p[1] + q[1]

        shares = given / 9.0
        shares = shares.at[0].add(first / 9.0)
        return lax.associative_scan(joined, (jnp.full_like(given, 1 / 9.0), shares))[1]

    return _seidel(steps, a, wrap, along)


def hdiff(field, coeff):
    i, j = coeff.shape[0], coeff.shape[1]
    lap = 4.0 * field[1 : i + 3, 1 : j + 3, :] - (
        field[2 : i + 4, 1 : j + 3, :]
        + field[0 : i + 2, 1 : j + 3, :]
        + field[1 : i + 3, 2 : j + 4, :]
        + field[1 : i + 3, 0 : j + 2, :]
    )
    res = lap[1:, 1 : j + 1, :] - lap[:-1, 1 : j + 1, :]
    fall = field[2 : i + 3, 2 : j + 2, :] - field[1 : i + 2, 2 : j + 2, :]
    flx = jnp.where(res * fall > 0.0, 0.0, res)
    res = lap[1 : i + 1, 1:, :] - lap[1 : i + 1, :-1, :]
    fall = field[2 : i + 2, 2 : j + 3, :] - field[2 : i + 2, 1 : j + 2, :]
    fly = jnp.where(res * fall > 0.0, 0.0, res)
    flux = flx[1:, :, :] - flx[:-1, :, :] + fly[:, 1:, :] - fly[:, :-1, :]
    out = field[2 : i + 2, 2 : j + 2, :] - coeff * flux
    return jnp.sum(out * out)


TEXTS: Texts = {
    "jacobi_1d": scans(jacobi_1d),
    "jacobi_2d": scans(jacobi_2d),
    "heat_3d": scans(heat_3d),
    "fdtd_2d": scans(fdtd_2d),
    "seidel_2d": (*scans(seidel_2d), *scans(seidel_2d_tree)),
    "hdiff": (hdiff,),
}
