"""Contractions by subscripts, convolutions, interpolation, padding, grids."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import spread


@case(
    lambda rng: (rng.normal(size=(2, 3, 3)), rng.normal(size=(3, 2)), rng.normal()),
    argnums=(0, 1, 2),
)
def sums_over_subscripts(T, M, s):
    chain = np.einsum("bij,jk,ij->bk", T, M, T[0], optimize=True)
    both = np.einsum("...ij,jk", T, M) * np.einsum("bij,jk -> bik", T[:1], M)
    traces = np.einsum("bii->b", T) * np.einsum("i,ij,", M[:, 0], M, s)
    turned = np.einsum(M, [0, 1], T[0], [0, 2], [2, 1])
    turned += np.einsum("ij->ji", M.T) * np.einsum("ii->i", T[1])[:, None]
    return (chain * both[0, 0]).sum() + (turned**2).sum() + traces @ traces


@case(lambda rng: (rng.normal(size=7), rng.normal(size=3)), argnums=(0, 1))
def filtered_signal(x, k):
    smooth = np.convolve(x, k) ** 2
    kept = np.convolve(k, x, "same") * x + np.convolve(x, k[:2], mode="same")
    inside = np.convolve(x, k, mode="valid")
    lags = np.correlate(x, x, "full")[6:] * np.correlate(x, k, mode="same")
    steps = np.correlate(x, k) * inside - np.correlate(k, x)[::-1]
    return smooth.sum() + kept @ lags + inside @ steps


@case(
    lambda rng: (rng.uniform(-0.2, 3.2, (2, 3)), spread(rng, 4, low=0.0, high=3.0),
                 rng.normal(size=4), rng.normal()), argnums=(0, 1, 2, 3),
)  # fmt: skip
def looked_up_in_a_table(x, places, values, beyond):
    order = np.sort(places)
    y = np.interp(x, order, values)
    z = np.interp(x[0], order, values, left=beyond, right=0.5)
    around = np.interp(x[1], places, values, period=3.5)
    return (y**2).sum() + (z * around).sum() + np.interp(x[0, 0], order, values) ** 3


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(), 2),
      argnums=(0, 1, 2))  # fmt: skip
def framed_images(A, v, s, n):
    wide = np.pad(A, ((1, 1), (n, 0)), constant_values=(s, 1.0))
    blur = wide[:-2, n:] + wide[2:, n:] + np.pad(A, 1, mode="reflect")[1:-1, 2:]
    ring = np.pad(v, (n, 4), mode="wrap") * np.pad(v, (n, 4), "symmetric")
    edge = np.pad(A, ((0, 2), (1, 0)), mode="edge")
    return (blur * A).sum() + ring @ np.arange(9.0) + (edge**2).sum()


@case(lambda rng: (rng.normal(size=4), rng.normal(size=3), rng.normal(size=(4, 4))),
      argnums=(0, 1, 2))  # fmt: skip
def fields_on_grids(x, y, M):
    X, Y = np.meshgrid(x, y)
    U, V = np.meshgrid(x, y, indexing="ij", sparse=True)
    i, j = np.indices((3, 4))
    part = M[np.ix_([0, 2, 2], np.array([3, 0]))]
    low = M[np.tril_indices(4, -1)] @ M[np.triu_indices(4, 1)]
    field = np.sin(X * Y) + (U * V).T * (i - j)
    return (field**2).sum() + (part * part[::-1]).sum() + low


@case(lambda rng: (rng.normal(size=(3, 5)), rng.uniform(1.0, 2.0, 2)), argnums=(0, 1))
def lines_cut_and_joined(A, v):
    whole = np.block([[A, A[:, :1]], [np.zeros((1, 5)), v[0]]])
    np.fill_diagonal(whole, v[1] ** 2)
    less = np.delete(np.insert(A, 1, v[0], axis=1), [0, 3], axis=1)
    shares = np.apply_along_axis(lambda line: np.tanh(line) / line.sum() ** 2, 1, A)
    again = np.repeat(np.resize(v, 3), [2, 0, 1])
    return (whole**2).sum() + (less**3).sum() + (shares * A).sum() + again.prod()


@case(lambda rng: (rng.normal(size=16), rng.uniform(0.5, 2.0, 3)), argnums=(0, 1))
def spectrum_by_hand(x, p):
    tapered = x * np.hanning(16) + np.blackman(16) * np.bartlett(16)
    phase = np.unwrap(3.0 * np.cumulative_sum(x)) ** 2
    grid = np.geomspace(p[0], 9.0, 4) * np.logspace(0.0, p[1], 4, base=2.0)
    curve = np.polyadd(np.polymul(p, p), np.polyint(np.polyder(p), k=p[2]))
    whole, part = np.divmod(x, 0.7), np.modf(3.0 * x)
    steps = np.heaviside(x, 0.5) * np.nan_to_num(part[0]) + whole[1]
    return tapered @ phase + grid @ grid + np.polyval(curve, 0.3) + steps @ x


@np.vectorize
def soft_step(t, width):
    if t > 1.0:
        return t * width
    return t**2


@case(lambda rng: (rng.normal(size=6), rng.uniform(1.2, 1.8)), argnums=(0, 1))
def windows_and_grids(x, s):
    X, Y = np.mgrid[0:s:3j, 0:2]
    runs = np.lib.stride_tricks.sliding_window_view(x, 3)
    ends = np.r_[x[:2], s, 1:3] @ np.c_[x[:5], np.ones(5)]
    steps = soft_step(X * s + Y, np.linspace(0.0, s, 2)) * x.reshape(3, 2)
    return (runs.mean(axis=-1) * runs.max(axis=1)).sum() + ends @ ends + steps.sum()


@case(lambda rng: (rng.uniform(0.0, 1.0, 6), rng.normal(size=6), rng.uniform(2.0, 5.0)),
      argnums=(0, 1, 2))  # fmt: skip
def windowed_and_split(t, y, beta):
    rest = y * np.kaiser(6, beta) - t
    head, tail = np.split(rest, [2])
    turned = np.reshape(y, (2, 3), order="F") @ rest.reshape(3, 2).ravel("F")[:3]
    grid, step = np.linspace(0.0, beta, 4, retstep=True)
    return (head**2).sum() + tail @ grid * step + turned @ np.poly(t[:1])


def _noise(count, seed=0):
    return np.random.default_rng(seed).normal(size=count)


@case(lambda rng: (rng.standard_normal(4), 0.3, 7))
def draws_of_its_own(mu, sigma, seed):
    rng, s = np.random.default_rng(seed), 0.0
    for _ in range(len(mu)):
        s += np.sum((mu + sigma * rng.standard_normal(4)) ** 2)
    mu = mu[np.random.default_rng(seed=3).permutation(4)]
    return s + mu @ _noise(4) + sigma * _noise(4) @ _noise(4, seed=seed)
