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
