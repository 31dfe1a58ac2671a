"""In JAX: loops over numbers as scans; what is independent as vectors.

JAX has no reverse mode for loops that end by a test: those run as many turns as any of
their elements needs, masked.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax.numpy as jnp
from jax import lax

from benchmarks.rivals.in_jax import Texts, scans


def rk4(angle, speed, k, dt, steps, wrap):
    def slope(x, v):
        return v, -k * jnp.sin(x) - 0.1 * v

    def step(carry, _):
        x, v, total = carry
        a1, s1 = slope(x, v)
        a2, s2 = slope(x + 0.5 * dt * a1, v + 0.5 * dt * s1)
        a3, s3 = slope(x + 0.5 * dt * a2, v + 0.5 * dt * s2)
        a4, s4 = slope(x + dt * a3, v + dt * s3)
        x = x + dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        v = v + dt / 6.0 * (s1 + 2.0 * s2 + 2.0 * s3 + s4)
        return (x, v, total + v * v * dt), None

    first = jnp.asarray(angle), jnp.asarray(speed), jnp.zeros(())
    (_, _, total), _ = lax.scan(wrap(step), first, None, length=steps)
    return total


def kalman(seen, dt, drift, noise, wrap):
    def step(carry, given):
        x, v, pxx, pxv, pvv, total = carry
        x = x + dt * v
        pxx = pxx + dt * (2.0 * pxv + dt * pvv) + drift * dt * dt * dt / 3.0
        pxv = pxv + dt * pvv + drift * dt * dt / 2.0
        pvv = pvv + drift * dt
        spread = pxx + noise
        error = given - x
        gain_x, gain_v = pxx / spread, pxv / spread
        total = total - 0.5 * (jnp.log(2.0 * jnp.pi * spread) + error * error / spread)
        pvv = pvv - gain_v * pxv
        pxv, pxx = (1.0 - gain_x) * pxv, (1.0 - gain_x) * pxx
        return (x + gain_x * error, v + gain_v * error, pxx, pxv, pvv, total), None

    zero, one = jnp.zeros(()), jnp.ones(())
    carry, _ = lax.scan(wrap(step), (zero, zero, one, zero, one, zero), seen)
    return carry[-1]


def hmm(start, moves, emits, wrap):
    def step(now, emit):
        then = (now @ moves) * emit
        scale = jnp.sum(then)
        return then / scale, jnp.log(scale)

    _, parts = lax.scan(wrap(step), start * emits[0], emits[1:])
    return jnp.sum(parts)


def soft_dtw(x, y, gamma, wrap):
    """Along the diagonals, whose cells are independent."""
    n, m = x.shape[0], y.shape[0]
    rows = jnp.arange(n)
    far = 1e10

    def step(carry, k):
        last, before = carry  # cells (i, k - 1 - i) and (i, k - 2 - i)
        columns = k - rows
        inside = (columns >= 0) & (columns < m)
        cost = (x - y[jnp.clip(columns, 0, m - 1)]) ** 2
        up = jnp.concatenate([jnp.full(1, far), last[:-1]])
        corner = jnp.where(k == 0, 0.0, far)
        slant = jnp.concatenate([jnp.full(1, corner), before[:-1]])
        ways = jnp.stack([up, last, slant])
        least = jnp.min(ways, axis=0)
        total = jnp.sum(jnp.exp((least - ways) / gamma), axis=0)
        new = jnp.where(inside, cost + least - gamma * jnp.log(total), far)
        return (new, last), None

    edge = jnp.full(n, far)
    (last, _), _ = lax.scan(wrap(step), (edge, edge), jnp.arange(n + m - 1))
    return last[n - 1]


def option(spot, strike, rate, sigma, z):
    steps = z.shape[1]
    dt = 1.0 / steps
    moves = (rate - 0.5 * sigma * sigma) * dt + sigma * jnp.sqrt(dt) * z
    prices = spot * jnp.cumprod(jnp.exp(moves), axis=1)
    gains = jnp.maximum(jnp.mean(prices, axis=1) - strike, 0.0)
    return jnp.exp(-rate) * jnp.mean(gains)


def option_sums(spot, strike, rate, sigma, z):
    steps = z.shape[1]
    dt = 1.0 / steps
    moves = (rate - 0.5 * sigma * sigma) * dt + sigma * jnp.sqrt(dt) * z
    prices = spot * jnp.exp(jnp.cumsum(moves, axis=1))
    gains = jnp.maximum(jnp.mean(prices, axis=1) - strike, 0.0)
    return jnp.exp(-rate) * jnp.mean(gains)


def ray_march(spheres, radii, light, pixels, wrap):
    row, column = jnp.meshgrid(*[jnp.arange(pixels) / pixels - 0.5] * 2, indexing="ij")
    ways = jnp.stack([column, row, jnp.ones_like(row)], axis=-1).reshape(-1, 3)
    ways = ways / jnp.linalg.norm(ways, axis=1, keepdims=True)

    def step(carry, _):
        t, nearest, live = carry
        off = t[:, None, None] * ways[:, None, :] - spheres
        away = jnp.sqrt(jnp.sum(off * off, axis=2)) - radii
        near = jnp.argmin(away, axis=1)
        gap = jnp.min(away, axis=1)
        t = jnp.where(live, t + gap, t)
        nearest = jnp.where(live, near, nearest)
        return (t, nearest, live & (gap >= 1e-4) & (t <= 20.0)), None

    count = ways.shape[0]
    first = jnp.zeros(count), jnp.zeros(count, int), jnp.ones(count, bool)
    (t, nearest, _), _ = lax.scan(wrap(step), first, None, length=60)
    normal = (t[:, None] * ways - spheres[nearest]) / radii[nearest][:, None]
    shade = normal @ light
    lit = (t < 20.0) & (shade > 0.0)
    return jnp.sum(jnp.where(lit, shade * shade, 0.0)) / count


def newton(a, wrap):
    def step(x, _):
        live = jnp.abs(x * x - a) > 1e-12 * a
        return jnp.where(live, 0.5 * (x + a / x), x), None

    x, _ = lax.scan(wrap(step), a, None, length=12)
    return jnp.sum(x)


def logistic(r, x, steps, wrap):
    def step(x, _):
        return r * x * (1.0 - x), None

    return lax.scan(wrap(step), jnp.asarray(x), None, length=steps)[0]


def n_body(place, speed, mass, dt, steps, wrap):
    def step(carry, _):
        place, speed = carry
        d = place[:, None, :] - place[None, :, :]
        square = jnp.sum(d * d, axis=2) + 0.01
        pull = mass / (square * jnp.sqrt(square))
        speed = speed - dt * jnp.einsum("ij,ijk->ik", pull, d)
        return (place + dt * speed, speed), None

    (_, speed), _ = lax.scan(wrap(step), (place, speed), None, length=steps)
    return 0.5 * jnp.sum(mass[:, None] * speed * speed)


def thomas(lower, diagonal, upper, right, wrap):
    def forward(carry, given):
        d, above, r = carry
        low, mid, up, b = given
        w = low / d
        new = mid - w * above, b - w * r
        return (new[0], up, new[1]), new

    first = diagonal[0], upper[0], right[0]
    rest = lower[1:], diagonal[1:], upper[1:], right[1:]
    _, (d, r) = lax.scan(wrap(forward), first, rest)
    d, r = jnp.append(diagonal[0], d), jnp.append(right[0], r)
    last = r[-1] / d[-1]

    def backward(x, given):
        d, up, r = given
        x = (r - up * x) / d
        return x, x

    _, x = lax.scan(wrap(backward), last, (d[:-1], upper[:-1], r[:-1]), reverse=True)
    return jnp.sum(x * x) + last * last


TEXTS: Texts = {
    "rk4": scans(rk4),
    "kalman": scans(kalman),
    "hmm": scans(hmm),
    "soft_dtw": scans(soft_dtw),
    "option": (option, option_sums),
    "ray_march": scans(ray_march),
    "newton": scans(newton),
    "logistic": scans(logistic),
    "n_body": scans(n_body),
    "thomas": scans(thomas),
}
