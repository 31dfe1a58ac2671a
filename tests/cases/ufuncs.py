"""What calls of ufuncs say besides their operands; items chosen, found, replaced."""

import numpy as np

from tests.cases import case


def _two(*shape):
    return lambda rng: (rng.normal(size=shape), rng.normal(size=shape))


# Results put into arrays and into views of them.
@case(_two(6), argnums=(0, 1))
def ufunc_out(x, y):
    out = np.zeros(6)
    np.add(x, y, out=out)
    np.multiply(out, x, out)
    np.sin(out[1:-1], out=out[1:-1])
    np.exp(y, out=out, where=x > 0)
    r = np.subtract(out, 1.0, out=(out,))
    r *= 2.0
    return (out * x).sum()


# The usual guard against a division by zero.
@case(
    lambda rng: (rng.normal(size=5), np.array([1.0, 0.0, 2.0, 0.0, -1.0])), argnums=(0,)
)
def safe_divide(x, y):
    q = np.divide(x, y, out=np.zeros_like(x), where=y != 0)
    s = np.sqrt(x, out=x * 0.5, where=x > 0)
    return (q * q).sum() + s.sum()


@case(_two(3, 4), argnums=(0, 1))
def wide_out(x, y):
    out = np.empty((2, 3, 4))
    np.multiply(x, y[0], out=out)
    m = np.empty((3, 3))
    np.matmul(x, y.T, out=m)
    d = np.empty((3, 3))
    np.dot(x, y.T, out=d)
    return (out**2).sum() + (m * d).sum()


@case(lambda rng: (rng.normal(size=(3, 4)),))
def reductions_out(x):
    s = np.empty(4)
    np.sum(x * x, axis=0, out=s)
    t = np.zeros(3)
    x.sum(axis=1, out=t)
    m = np.empty(3)
    np.max(x, axis=-1, out=m)
    x.mean(axis=1, out=m[...])
    c = np.zeros((3, 4))
    np.cumsum(x, axis=1, out=c)
    k = np.empty(3, dtype=int)
    np.argmax(x, axis=1, out=k)
    cl = np.empty((3, 4))
    x.clip(-0.5, 0.5, out=cl)
    np.clip(x, -0.5, None, out=c[:, ::-1])
    return (s * s).sum() + (t * m).sum() + (c * c).sum() + k.sum() + (cl * x).sum()


@case(
    lambda rng: (rng.normal(size=(3, 5)), rng.normal(size=(3, 5)) > 0.0, 0.7),
    argnums=(0, 2),
)
def reductions_where(x, mask, a):
    s = np.sum(x * x, axis=1, where=mask)
    t = np.sum(x, initial=a) + np.sum(x, axis=0, initial=a, where=mask).sum()
    m = np.mean(x, where=mask) + np.mean(x * x, axis=0, where=x > -3.0)[1]
    p = (
        np.prod(x, where=mask) * np.prod(x, axis=0, initial=a).sum()
        + x.prod(axis=1, where=mask, keepdims=True).sum()
    )
    v = (
        np.var(x, where=mask)
        + x.std(axis=1, where=mask | (x < 9), ddof=1, keepdims=True).sum()
    )
    q = (
        np.max(x, where=mask, initial=-1.0)
        + x.min(axis=1, initial=a).sum()
        * np.max(x, axis=(0, 1), initial=0.1, keepdims=True)[0, 0]
    )
    b = np.any(x > 1, where=mask) + np.all(x > -1, axis=1, where=mask).sum()
    return (s * s).sum() + t + m + p + v + q + b


@case(_two(4, 3), argnums=(0, 1))
def ufunc_methods(x, y):
    a = (
        np.add.reduce(x * x)
        + np.multiply.reduce(y, axis=0)
        + np.maximum.reduce(x, axis=-1)[0]
    )
    b = (
        np.subtract.reduce(x, axis=0)
        + np.logaddexp.reduce(x, axis=1)[0]
        + np.add.reduce(x, axis=None)
    )
    c = (
        np.add.accumulate(x, axis=1) * np.maximum.accumulate(y)
        + np.multiply.accumulate(y, 1)
        + np.subtract.accumulate(y)
    )
    d = np.subtract.outer(x[0], y[:, 1]) ** 2
    e = np.add.reduceat(x[:, 0], [0, 2, 1, 3])
    f = np.add.outer(x, y[0]) * np.multiply.outer(2.0, x[0])
    return (
        a.sum()
        + b.sum()
        + (c * c).sum()
        + d.sum()
        + (e * e).sum()
        + f.sum()
        + np.hypot.reduce(x[:, 1])
    )


# Places that are named several times.
@case(
    lambda rng: (
        rng.normal(size=6),
        np.array([0, 2, 1, 2, 0, 2]),
        rng.normal(size=(6, 2)),
    ),
    argnums=(0, 2),
)
def ufunc_at(x, idx, V):
    bins = np.zeros(3)
    np.add.at(bins, idx, x * x)
    np.subtract.at(bins, idx[:3], 2.0)
    np.subtract.at(bins, idx, x)
    A = np.ones((3, 2))
    np.add.at(A, idx, V * V)
    np.add.at(A, (idx, idx % 2), x)
    np.add.at(A, (slice(None), 1), 0.5 * x[0])
    np.multiply.at(A, idx, V)
    np.maximum.at(bins, idx, x)
    np.multiply.at(bins, [1, 1], 2.0)
    np.add.at(x, [0, 0], 1.0)
    return (bins * bins).sum() + (A * A).sum() + x.sum()


@case(lambda rng: (rng.normal(size=6).astype(np.float32),))
def narrow(x):
    o = np.zeros(6, np.float32)
    np.multiply(x, 2.0, out=o, where=x > 0)
    s = (
        np.add.reduce(x)
        + np.sum(x, where=x > 0)
        + np.mean(x, where=x > 0)
        + np.std(x, where=x > -9)
    )
    w = np.zeros(2)
    np.add.at(w, [0, 1, 0], x[:3])
    return (o * x).sum() + s + w[0] * w[1]


@case(lambda rng: (rng.normal(size=(8)),))
def selects(x):
    a = np.select([x < -0.5, x < 0.5], [x * x, np.sin(x)], default=2.0)
    b = np.select([x < 0, x < 1], [1, x])
    c = np.select([x > 0], [np.log(x)], 0.0)
    d = np.piecewise(x, [x < 0, x >= 0], [lambda v: v * v, np.sin])
    e = np.piecewise(x, [x < 0], [-1.0, lambda v, k: k * v * v * v], 3.0)
    f = np.piecewise(x[0], [x[0] < 0, x[0] >= 0], [lambda v: -v * v, lambda v: v * v])
    return (a * b).sum() + c.sum() + (d * e).sum() + f


@case(
    lambda rng: (rng.normal(size=4), rng.normal(size=4), np.array([2, 0, 1, 1])),
    argnums=(0, 1),
)
def chosen(x, y, k):
    a = np.choose(k, [x, y, 3.0])
    b = np.choose(k + 2, (x, y), mode="wrap") + np.choose(k, [y, x], mode="clip")
    A = np.outer(x, y)
    c = np.compress([True, False, True], A, axis=1)
    d = np.compress(x > 0, x)
    e = np.extract(A > 0, A)
    r, q = np.nonzero(A > 0)
    w = np.where(x > -9)[0]
    p = np.argwhere(A < 0)
    return (
        (a * b).sum()
        + (c * c).sum()
        + d.sum()
        + (e * e).sum()
        + (A[r, q] ** 2).sum() * r.sum()
        + x[w].sum()
        + p.sum()
        + (x[x.nonzero()] ** 3).sum()
    )


@case(lambda rng: (rng.normal(size=6), rng.normal(size=2)), argnums=(0, 1))
def written_places(x, v):
    a = x.copy()
    np.place(a, a > 0, v)
    b = x * 2
    np.putmask(b, x < 0.3, v * v)
    c = x.reshape(2, 3) * 1.0
    np.put(c, [0, -1, 2], v)
    c.put([1], v[0])
    d = np.zeros((2, 3))
    np.copyto(d, x[:3])
    np.copyto(d, v[:, None], where=c > 0)
    e = np.zeros((2, 3))
    np.put_along_axis(e, np.array([[2, 0], [1, 1]]), v[:, None], axis=1)
    f = np.ones((2, 3))
    np.put_along_axis(f, np.argmax(c, axis=0, keepdims=True), x[None, :3], 0)
    g = np.take_along_axis(c, np.argsort(c, axis=1), axis=1)
    return (
        (a * x).sum()
        + (b * b).sum()
        + (c * c).sum()
        + (d * d).sum()
        + (e * f * g).sum()
        + (f * f).sum()
    )


@case(lambda rng: (rng.normal(size=(7)),))
def compared(x):
    y = x.copy()
    y[2] += 1e-9
    t = 0.0
    if np.allclose(x, y):
        t = t + x[0] * 2
    if np.array_equal(x, y):
        t = t + 100 * x[1]
    if not np.array_equal(x, y[1:]):
        t = t + 3 * x[1]
    m = np.isclose(x, y, atol=0, rtol=1e-12)
    k = np.isin(np.arange(7), [1, 4, 9])
    z = np.trim_zeros(np.array([0.0, x[0], 0, x[1], 0.0]))
    return (
        t
        + x[m].sum()
        + (x[k] ** 2).sum()
        + (z * z).sum()
        + x[np.isin([1, 2, 3, 5, 6, 7, 8], 5, invert=True)].sum()
    )


@case(
    lambda rng: (
        0.2 + rng.random(6),
        (0.2 + rng.random(6)).astype(np.float32),
        rng.normal(size=6),
    ),
    argnums=(0, 1, 2),
)
def powers_in_double(x, w, p):
    a = np.float_power(x, p) * np.float_power(w, 2.3)
    return (a + np.float_power(x, 2) + np.float_power(3, p)).sum()
