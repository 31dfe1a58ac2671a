"""Order: medians, quantiles, sorting; nan left out; items counted and told apart."""

import numpy as np

from tests.cases import case


def _with_nan(*shape):
    def make(rng):
        x = rng.normal(size=shape)
        x.flat[::3] = np.nan
        return (x,)

    return make


@case(lambda rng: (rng.normal(size=(4, 5)),))
def medians(x):
    a = np.median(x) + np.median(x, axis=0).sum() ** 2
    b = (np.median(x, axis=1, keepdims=True) * x).sum() + np.median(
        x[:3], axis=(0, 1), keepdims=True
    )[0, 0]
    o = np.zeros(5)
    np.median(x, axis=0, out=o)
    return (
        a + b + (o * o).sum() + np.median([x[0, 0], 2.0, x[1, 1]]) + np.median(x[0, :4])
    )


@case(lambda rng: (rng.normal(size=(5, 4)),))
def quantiles(x):
    a = np.quantile(x, 0.3) + np.percentile(x, 80, axis=0).sum() ** 2
    b = (np.quantile(x, [0.0, 0.35, 1.0], axis=1) ** 2).sum() + (
        np.percentile(x, [10, 50.0], axis=(0, 1), keepdims=True) ** 2
    ).sum()
    c = 0.0
    for m in ("lower", "higher", "nearest", "midpoint"):
        c = c + np.quantile(x, 0.37, axis=0, method=m).sum() ** 2
    o = np.zeros((2, 5))
    np.quantile(x, np.array([0.1, 0.9]), axis=-1, out=o)
    iqr = np.subtract(*np.percentile(x, [75, 25]))
    return a + b + c + (o * o).sum() * iqr


@case(lambda rng: (rng.normal(size=11), 0.34), argnums=(0, 1))
def quantile_methods(x, q):
    c = 0.0
    for m in (
        "inverted_cdf",
        "averaged_inverted_cdf",
        "closest_observation",
        "interpolated_inverted_cdf",
        "hazen",
        "weibull",
        "median_unbiased",
        "normal_unbiased",
    ):
        c = (
            c
            + np.quantile(x, 0.37, method=m) ** 2
            + (np.quantile(x, [0.0, 0.5, 0.92, 1.0], method=m) ** 2).sum()
        )
    return c + np.quantile(x, q) ** 2


@case(_with_nan(4, 5))
def nan_quantiles(x):
    a = (
        np.nanmedian(x)
        + np.nanmedian(x, axis=0).sum() ** 2
        + (np.nanmedian(x, axis=1, keepdims=True) ** 2).sum()
    )
    b = np.nanquantile(x, 0.3) + np.nanpercentile(x, 80, axis=0).sum() ** 2
    c = (
        (np.nanquantile(x, [0.1, 0.5], axis=1) ** 2).sum()
        + np.nanpercentile(x, 20, axis=1, keepdims=True).sum()
        + np.nanquantile(x, [0.2, 0.3]).sum()
    )
    d = np.nanquantile(x, 0.6, axis=1, method="nearest").sum() ** 2
    return a + b + c + d


@case(lambda rng: (rng.normal(size=(3, 6)),))
def orders(x):
    p = np.partition(x, 2, axis=1)
    q = x.copy()
    q.partition(-2)
    s = np.sort(x, axis=0, kind="stable")
    t = x * 2
    t.sort(axis=0)
    k = np.argpartition(x[0], 1)
    l = np.lexsort((x[0], x[1] > 0))
    f = np.sort(x, axis=None) @ np.arange(18.0)
    return (
        (p[:, 2] ** 2).sum()
        + (q[:, 4] * q[:, 5]).sum()
        + (s * s * x).sum()
        + (t[0] * x[1]).sum()
        + x[0][k[1]] ** 2
        + (x[0][l] * np.arange(6)).sum()
        + f
    )


@case(lambda rng: (rng.normal(size=(3, 7)).astype(np.float32),))
def narrow_quantiles(x):
    return (
        np.median(x)
        + np.quantile(x, 0.3)
        + np.percentile(x, 70, axis=0).sum()
        + np.nanquantile(x, 0.3, axis=1).sum()
        + np.nanmedian(x, axis=0).sum()
    )


@case(
    lambda rng: (
        rng.normal(size=7),
        np.array([3, 1, 2, 9]),
    )
)
def int_quantiles(x, k):
    return (
        x[int(np.quantile(k, 0.5, method="lower"))] * np.median(k)
        + np.quantile(k, 0.3) * x[0]
        + np.median(k > 2) * x[1]
    )


@case(_with_nan(4, 5))
def nan_sums(x):
    a = (
        np.nansum(x) ** 2
        + (np.nansum(x, axis=0) ** 2).sum()
        + (np.nansum(x, axis=1, keepdims=True, initial=0.5) ** 2).sum()
        + np.nansum(x, where=x > 0)
    )
    b = (
        np.nanmean(x) ** 2
        + (np.nanmean(x, axis=0) ** 2).sum()
        + np.nanmean(x * 2, axis=(0, 1), keepdims=True)[0, 0]
    )
    c = np.nanprod(x) + np.nanprod(x, axis=1).sum()
    d = (
        (np.nancumsum(x, axis=1) ** 2).sum()
        + np.nancumprod(x[1]).sum()
        + np.nancumsum(x)[-1]
    )
    return a + b + c + d


@case(_with_nan(4, 5))
def nan_spread(x):
    a = (
        np.nanvar(x)
        + np.nanstd(x, axis=0).sum()
        + np.nanvar(x, axis=1, ddof=1, keepdims=True).sum() ** 2
        + np.nanstd(x)
    )
    b = (
        np.nanmax(x) ** 2
        + np.nanmin(x, axis=0).sum() ** 2
        + np.nanmax(x, axis=1, keepdims=True).sum() ** 2
        + np.nanmax(x, initial=-9.0)
    )
    c = x[0][np.nanargmax(x[0])] ** 2 + np.nanargmin(x, axis=1).sum()
    o = np.zeros(5)
    np.nanmean(x, axis=0, out=o)
    return a + b + c + (o * o).sum()


@case(lambda rng: (rng.normal(size=(3, 4)).astype(np.float32),))
def nan_narrow(x):
    return (
        np.nansum(x)
        + np.nanmean(x)
        + np.nanstd(x)
        + np.nanmax(x)
        + np.nanvar(x, axis=0).sum()
        + np.nanmean(x, axis=1).sum()
        + np.nanprod(x)
    )


@case(lambda rng: (rng.normal(size=7), np.array([0, 3, 1, 1, 5, 0, 3])), argnums=(0,))
def bins(w, k):
    a = np.bincount(k, w * w)
    b = np.bincount(k, weights=w, minlength=9)
    c = np.bincount(k)
    d = np.digitize(w, [-1.0, 0.0, 1.0]) + np.digitize(
        w, np.array([1.0, 0.0, -1.0]), right=True
    )
    s = np.searchsorted([0.0, 1.0], w) + np.array([0.0, 1.0]).searchsorted(w, "right")
    return (a * a).sum() + (b[:6] * c).sum() + (w * d).sum() + (w * s).sum() + b.size


@case(lambda rng: (rng.normal(size=6), np.array([3, 1, 2, 1, 3, 0])), argnums=(0,))
def uniques(x, k):
    u, i, v, c = np.unique(
        k, return_index=True, return_inverse=True, return_counts=True
    )
    y = np.unique(x)
    t, n = np.unique(k.reshape(2, 3), return_counts=True)
    z, j = np.unique(np.repeat(x, 2), return_inverse=True)
    return (
        (x[i] * c).sum()
        + (y * y * np.arange(6)).sum()
        + (x * v).sum()
        + n.sum()
        + (z * z).sum() * z[j[0]]
    )


@case(lambda rng: (rng.normal(size=20), rng.normal(size=20)), argnums=(0, 1))
def histograms(x, w):
    h, e = np.histogram(x, bins=5)
    h2, e2 = np.histogram(x, bins=4, range=(-1.0, 1.5), weights=w)
    h3, e3 = np.histogram(x, bins=[-2.0, -0.5, 0.1, 3.0], weights=w, density=True)
    h4, _ = np.histogram(x, 6, density=True)
    H, ex, ey = np.histogram2d(x, w, bins=[3, 4], weights=w * w)
    H2 = np.histogram2d(x, w, bins=3, density=True)[0]
    return (
        (h * e[1:] ** 2).sum()
        + (h2 * h2).sum()
        + (h3 * h3).sum()
        + h4.sum()
        + (H * H).sum()
        + (ex * ex).sum()
        + H2.max()
        + np.histogram_bin_edges(x, 3)[1]
    )


# A share in float32 leaves numbers in float32 as they are.
@case(lambda rng: (rng.normal(size=(3, 5)).astype(np.float32), np.float32(0.3)))
def shares_in_single(x, q):
    a = np.quantile(x, q, axis=1)
    b = np.percentile(x, np.array([20, 70], np.float32), method="hazen")
    c = np.nanquantile(x, np.array([0.25, 0.6], np.float32), axis=0)
    d = np.quantile(np.arange(5), q) * x[0, 0]
    return (a * a).sum() + (b * b).sum() + (c * c).sum() + d
