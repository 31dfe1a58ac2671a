"""What engineers call of SciPy: Bessel functions, elliptic integrals, splines, laws."""

import numpy as np
import scipy.special as sp
from scipy import stats
from scipy.integrate import cumulative_trapezoid, simpson, trapezoid
from scipy.interpolate import (
    CubicSpline,
    PchipInterpolator,
    RectBivariateSpline,
    UnivariateSpline,
    bisplev,
    interp1d,
    make_interp_spline,
    splev,
    splrep,
)
from scipy.signal import butter, lfilter
from scipy.special import lambertw

from tests.cases import case
from tests.cases.inputs import positive

_TIMES = np.linspace(0.0, 3.0, 9)
PRIOR = stats.norm(0.3, scale=1.2)
LOW_PASS = butter(2, 0.3)
CURVE = splrep(_TIMES, np.sin(2.0 * _TIMES))
_SIDES = np.linspace(0.0, 2.0, 6), np.linspace(0.0, 3.0, 7)
SURFACE = [*RectBivariateSpline(*_SIDES, np.cos(np.outer(*_SIDES))).tck, 3, 3]
PLANES = [*RectBivariateSpline(*_SIDES, np.outer(*_SIDES) ** 2, kx=1, ky=2).tck, 1, 2]

DRAG = CubicSpline(_TIMES, np.sin(2.0 * _TIMES))
STEADY = PchipInterpolator(_TIMES, _TIMES**2, extrapolate=False)
TABLE = interp1d(_TIMES, np.cos(_TIMES), bounds_error=False, fill_value=(1.0, 2.0))
BEYOND = interp1d(_TIMES, np.cos(_TIMES), fill_value="extrapolate")
SMOOTH = interp1d(_TIMES, np.cos(_TIMES), kind="cubic")
WAVE = make_interp_spline(_TIMES, np.sin(_TIMES), k=2)
FITTED = UnivariateSpline(_TIMES, np.cos(_TIMES), k=4, s=0.01, ext="const")
CHART = RectBivariateSpline(*_SIDES, np.cos(np.outer(*_SIDES)))
ROUGH = RectBivariateSpline(*_SIDES, np.outer(*_SIDES) ** 2, kx=1, ky=2)


@case(lambda rng: (positive(rng, 4),))
def fin_efficiency(x):
    radial = sp.k1(x) * sp.i1(2.0 * x) - sp.i1(x) * sp.k1(2.0 * x)
    below = sp.k0(x) * sp.i1(2.0 * x) + sp.i0(x) * sp.k1(2.0 * x)
    return (radial / below).sum() + sp.kn(2, x[0]) * sp.k0e(x[1]) * sp.k1e(x[1])


@case(lambda rng: (positive(rng, 3), 1.3), argnums=(0, 1))
def matern(distance, scale):
    s = np.sqrt(3.0) * distance / scale
    kernel = 2.0 ** (1 - 1.5) / sp.gamma(1.5) * s**1.5 * sp.kv(1.5, s)
    return (kernel * sp.kve(0.3, s)).sum() + sp.iv(0.5, scale) * sp.ive(2.5, scale)


@case(lambda rng: (positive(rng, 3),))
def partial_waves(x):
    total = 0.0
    for n in range(4):
        total = total + (2 * n + 1) * sp.jv(n + 0.5, x) * sp.yv(n + 0.5, x)
    return (total + sp.jn(2, x) * sp.yn(3, x)).sum() + sp.struve(0, x[0])


@case(lambda rng: (rng.uniform(0.1, 0.8, 4),))
def elliptic_integrals(m):
    period = sp.ellipk(m) * sp.ellipe(m) + sp.ellipkm1(m) + sp.ellipk(0.0 * m)
    arc = sp.ellipkinc(m, 0.3) + sp.ellipeinc(2.0 * m, -0.4)
    return (period * arc).sum() + sp.hyp2f1(0.5, 1.2, 2.5, m[0]) * sp.hyp1f1(1, 3, m[1])


@case(lambda rng: (positive(rng, 3),))
def well_function(u):
    drawdown = sp.exp1(u) * sp.expn(2, u) + sp.expn(1, u) * sp.expi(u)
    return (drawdown * sp.expn(0, u)).sum() + sp.dawsn(u[0]) * sp.erfi(u[1])


@case(lambda rng: (rng.normal(size=3), 0.4, 0.7), argnums=(0, 1, 2))
def voigt(x, width, sigma):
    z = (x + 1j * width) / (sigma * np.sqrt(2.0))
    profile = np.real(sp.wofz(z)) / (sigma * np.sqrt(2.0 * np.pi))
    return (profile * sp.voigt_profile(2.0 * x, sigma, width) * x**2).sum()


@case(lambda rng: (rng.uniform(0.2, 0.8, 3),))
def inverse_laws(p):
    waits = sp.gammaincinv(2.5, p) * sp.gammainccinv(0.7, p) + sp.chdtri(3.0, p)
    shares = sp.betaincinv(2.0, 1.5, p) * sp.betaincc(1.5, 0.5, p)
    tests = sp.stdtrit(4.0, p) * sp.stdtr(2.5, p) + sp.fdtr(3.0, 5.0, p)
    counts = sp.pdtr(2, p) * sp.chdtr(2.5, p) * sp.gdtr(2.0 * p, 1.5, p)
    return (waits * shares + tests * counts).sum() + sp.fdtri(2.0, 4.0, p[0])


@case(lambda rng: (rng.uniform(-0.9, 0.9, 3),))
def orthogonal_polynomials(x):
    flat = sp.eval_legendre(3, x) * sp.eval_chebyt(4, x) + sp.eval_legendre(0, x)
    for n in range(3):
        flat = flat + sp.eval_hermite(n, x) * sp.eval_jacobi(n, 0.5, 1.5, x)
    other = sp.eval_chebyu(2, x) + sp.eval_hermitenorm(3, x) * sp.eval_laguerre(2, x)
    return (flat * other).sum() + sp.eval_genlaguerre(2, 0.5, x[0])


@case(lambda rng: (rng.uniform(10.0, 80.0, 3),))
def degrees(angle):
    turned = sp.sindg(angle) * sp.cosdg(angle) + sp.tandg(angle) * sp.cotdg(angle / 2)
    small = angle / 50.0
    rising = sp.poch(small, 1.5) * sp.rgamma(small) * sp.inv_boxcox(small, 0.5)
    return (turned * rising * sp.radian(angle, small, 3.0)).sum()


@case(lambda rng: (rng.uniform(0.2, 2.8, 4),))
def curve_read(x):
    inside = splev(x, CURVE) * splev(x, CURVE, der=1)
    beyond = splev(x + 2.9, CURVE, ext=3) + splev(2.0 * x - 3.0, CURVE, 0, 1)
    return (inside * x + beyond).sum() + float(splev(x[0], CURVE)) ** 2


@case(lambda rng: (rng.uniform(0.2, 2.8, 3), rng.normal(size=(2, 13))), argnums=(0, 1))
def curve_of_coefficients(x, c):
    x0, y0 = splev(x, (CURVE[0], c, 3))
    slope = splev(x, (CURVE[0], c[0], 3), 2)
    return (x0 * y0).sum() + (slope * slope).sum()


@case(lambda rng: (np.sort(rng.uniform(0.1, 1.9, 3)), 1.3, SURFACE[2] * 1.0),
      argnums=(0, 1, 2))  # fmt: skip
def surface_read(x, y, c):
    one = bisplev(x[1], y, SURFACE) * bisplev(x[0], y, PLANES, dx=0, dy=1)
    grid = bisplev(x, x + 0.4, (SURFACE[0], SURFACE[1], c, 3, 3), dx=1)
    return (grid * grid).sum() * one + bisplev(x, 9.0, PLANES).sum()


@case(lambda rng: (rng.normal(size=(6, 3)), np.sort(rng.uniform(0.0, 3.0, 6))),
      argnums=(0, 1))  # fmt: skip
def sampled_integrals(y, x):
    whole = trapezoid(y, x, axis=0) * simpson(y, x=x, axis=0)
    grown = cumulative_trapezoid(y, x, axis=0, initial=0) * y
    odd = simpson(y[1:], x=x[1:], axis=-2) + simpson(y[:5, 0], dx=0.3)
    pair = simpson(y[:2], x=x[:2], axis=0) + simpson(y[:4], dx=x[1], axis=0)
    return (whole * odd * pair).sum() + grown.sum() + trapezoid(x, dx=0.5)


@case(lambda rng: (rng.uniform(0.1, 2.0, 4), rng.uniform(-0.3, -0.05, 4)),
      argnums=(0, 1))  # fmt: skip
def lambert_currents(x, y):
    current = lambertw(x).real * np.real(lambertw(y, -1)) + lambertw(0.0 * x).real
    waves = np.abs(lambertw(x * 1j, 2)) + lambertw(-x - 0.5).imag
    return (current * waves).sum() + float(lambertw(x[0], k=0).real)


@case(lambda rng: (positive(rng, 4), 1.7, 0.2, 1.4), argnums=(0, 1, 2, 3))
def densities(x, shape, loc, scale):
    total = stats.gamma.logpdf(x, shape, loc, scale) + stats.t.logpdf(x, shape, loc)
    total = total * stats.lognorm.logpdf(x, shape, 0, scale) + stats.expon.pdf(-x)
    return (total * stats.weibull_min.pdf(x, shape)).sum() + stats.chi2.logpdf(x[0], 2)


@case(lambda rng: (positive(rng, 4), rng.uniform(0.2, 0.8, 4), 0.2, 1.4),
      argnums=(0, 1, 2, 3))  # fmt: skip
def shares_and_places(x, q, loc, scale):
    left = stats.gamma.cdf(x, 2.5, loc, scale) * stats.t.sf(x, 3, loc)
    back = stats.lognorm.ppf(q, scale) + stats.t.ppf(q, 4, loc, scale)
    return (left * back * stats.beta.sf(q, 1, 2)).sum() + stats.t.ppf(0.7, 4)


@case(lambda rng: (rng.uniform(0.2, 0.8, 4), np.array([0, 2, 7, -1]), 2.3),
      argnums=(0, 2))  # fmt: skip
def counts_of_events(p, k, mean):
    log = stats.poisson.logpmf(k[:3], mean) * stats.binom.logpmf(k[:3], 7, p[:3])
    once = stats.bernoulli.logpmf(k[0], p) + stats.bernoulli.logpmf([1, 0, 1, 1], p)
    return log.sum() + (once * stats.poisson.pmf(k + 1, mean * p, loc=1)).sum()


@case(lambda rng: (rng.uniform(0.2, 1.8, 4),))
def curves_made_outside(x):
    inside = DRAG(x) * STEADY(x, 1) + FITTED(2.0 * x) * FITTED(x, nu=1)
    lines = TABLE(3.0 * x - 1.0) * BEYOND(x + 2.0) + DRAG(x[0] - 1.0)
    lines = lines + SMOOTH(x) * WAVE(x + 2.0, 1)
    chart = CHART.ev(x, 1.5 * x) * ROUGH(x, 2.5 * x - 0.6, grid=False)
    grid = ROUGH(x[:1], x[0] + 1.0)
    return (inside * lines + chart).sum() + grid[0, 0] * CHART(x[1], 0.4, dy=1)[0, 0]


# A cubic equation of state below its critical point: the largest root is the vapour's.
@case(lambda rng: (rng.uniform(0.107, 0.11), rng.uniform(0.014, 0.0145)), argnums=(0, 1))
def vapour_of_peng_robinson(a, b):
    cubic = [1.0, b - 1.0, a - 3.0 * b * b - 2.0 * b, b**3 + b * b - a * b]
    found = np.roots(cubic)
    real = found[np.abs(np.imag(found)) < 1e-9].real
    return np.max(real) ** 2 + np.prod(np.roots([a, 3.0, b]).real)


@case(lambda rng: (rng.normal(size=(5, 3)), rng.normal(size=2), np.array([1.5, 0.3, -0.2])),
      argnums=(0, 1, 2))  # fmt: skip
def filtered_rows(x, b, a):
    smooth = lfilter(*LOW_PASS, x, axis=0)
    echo = lfilter(b, a, x * smooth) + lfilter(b, 2.0, x)
    return (echo * echo).sum() + lfilter([1.0, a[0]], [1.0, -0.5], x[:, 0])[-1]


@case(lambda rng: (positive(rng, 4), 0.7), argnums=(0, 1))
def laws_with_parameters(x, scale):
    noise = stats.norm(0.0, scale)
    total = noise.logpdf(x) + stats.gamma(2.5, scale=scale).cdf(x) + PRIOR.logpdf(scale)
    return (total * PRIOR.cdf(x)).sum() + stats.poisson(scale).logpmf([0, 2, 3]).sum()
