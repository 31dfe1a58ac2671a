"""In JAX: sweeps along one axis are scans, the other axis is a vector."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax.numpy as jnp
from jax import lax

from benchmarks.rivals.in_jax import Texts, scans


def adi(steps, u, wrap):
    n = u.shape[0]
    mul1 = 2.0 * (1.0 / steps) / ((1.0 / n) * (1.0 / n))
    mul2 = 1.0 * (1.0 / steps) / ((1.0 / n) * (1.0 / n))
    a, b = -mul1 / 2.0, 1.0 + mul1
    d, e = -mul2 / 2.0, 1.0 + mul2

    def solved(right, a, b):
        """Solve lines of a tridiagonal system; `right` has a row for each unknown."""
        ones, zeros = jnp.ones(n - 2), jnp.zeros(n - 2)

        def forward(carry, given):
            p, q = carry
            pivot = a * p + b
            new = -a / pivot, (given - a * q) / pivot
            return new, new

        _, (p, q) = lax.scan(wrap(forward), (zeros, ones), right)

        def backward(x, pq):
            x = pq[0] * x + pq[1]
            return x, x

        return lax.scan(wrap(backward), ones, (p, q), reverse=True)[1]

    def step(u, _):
        right = -d * u[1:-1, :-2] + (1.0 + 2.0 * d) * u[1:-1, 1:-1] - d * u[1:-1, 2:]
        edge = jnp.ones((1, n - 2))
        v = jnp.concatenate([edge, solved(right, a, b), edge])
        right = -a * v[:-2] + (1.0 + 2.0 * a) * v[1:-1] - a * v[2:]
        u = u.at[1:-1, 1:-1].set(solved(right.T, d, e).T)
        return u.at[1:-1, 0].set(1.0).at[1:-1, -1].set(1.0), None

    u, _ = lax.scan(wrap(step), u, None, length=steps)
    return jnp.sum(u * u)


def deriche(alpha, image, wrap):
    k = (1.0 - jnp.exp(-alpha)) ** 2
    k = k / (1.0 + alpha * jnp.exp(-alpha) - jnp.exp(2.0 * alpha))
    a1, a2 = k, k * jnp.exp(-alpha) * (alpha - 1.0)
    a3, a4 = k * jnp.exp(-alpha) * (alpha + 1.0), -k * jnp.exp(-2.0 * alpha)
    b1, b2 = 2.0 ** (-alpha), -jnp.exp(-2.0 * alpha)

    def filtered(x):
        zero = jnp.zeros_like(x[0])

        def down(carry, now):
            before, y1, y2 = carry
            y = a1 * now + a2 * before + b1 * y1 + b2 * y2
            return (now, y, y1), y

        def up(carry, now):
            x1, x2, y1, y2 = carry
            y = a3 * x1 + a4 * x2 + b1 * y1 + b2 * y2
            return (now, x1, y, y1), y

        y1 = lax.scan(wrap(down), (zero, zero, zero), x)[1]
        return y1 + lax.scan(wrap(up), (zero, zero, zero, zero), x, reverse=True)[1]

    out = filtered(filtered(image.T).T)
    return jnp.sum(out * out)


def vadv(utens_stage, u_stage, wcon, u_pos, utens, dtr, wrap):
    stage, speed, wind, place, tend = (
        jnp.moveaxis(x, 2, 0) for x in (utens_stage, u_stage, wcon, u_pos, utens)
    )
    mean = 0.25 * (wind[:, 1:] + wind[:, :-1])
    below = jnp.concatenate([jnp.zeros_like(mean[:1]), -0.5 * mean[1:]])
    above = jnp.concatenate([0.5 * mean[1:], jnp.zeros_like(mean[:1])])
    rise = jnp.concatenate([speed[1:] - speed[:-1], jnp.zeros_like(speed[:1])])
    fall = jnp.concatenate([jnp.zeros_like(speed[:1]), speed[:-1] - speed[1:]])
    right = dtr * place + tend + stage - below * fall - above * rise

    def forward(carry, given):
        c, d = carry
        low, high, r = given
        divided = 1.0 / (dtr - low - high - c * low)
        new = high * divided, (r - d * low) * divided
        return new, new

    zero = jnp.zeros_like(stage[0])
    _, (c, d) = lax.scan(wrap(forward), (zero, zero), (below, above, right))

    def backward(x, cd):
        x = cd[1] - cd[0] * x
        return x, x

    _, x = lax.scan(wrap(backward), zero, (c, d), reverse=True)
    out = dtr * (x - place)
    return jnp.sum(out * out)


TEXTS: Texts = {
    "adi": scans(adi),
    "deriche": scans(deriche),
    "vadv": scans(vadv),
}
