"""Statistics from books and packages: likelihoods, tests, special functions, EM."""

import math
from collections import OrderedDict, namedtuple

import numpy as np
from scipy.special import expit

from tests.cases import case
from tests.cases.inputs import near, spread


# Fisher scoring for Poisson regression, stopped by the deviance.
@case(
    lambda rng: (rng.uniform(-1, 1, size=(6, 2)), near(rng, 1, 3, 2, 4, 0.5, 2)),
    argnums=(0, 1),
    long=True,
)
def poisson_regression(X, y, max_iter=25, tol=1e-12):
    n, p = X.shape
    Xd = np.column_stack((np.ones(n), X))
    beta = np.zeros(p + 1)
    beta[0] = np.log(y.mean())
    dev_old = np.inf
    for iteration in range(max_iter):
        eta = Xd @ beta
        mu = np.exp(eta)
        z = eta + (y - mu) / mu
        W = mu
        XtW = Xd.T * W
        beta = np.linalg.solve(XtW @ Xd, XtW @ z)
        mu = np.exp(Xd @ beta)
        dev = 2.0 * np.sum(y * np.log(y / mu) - (y - mu))
        if abs(dev - dev_old) < tol * (abs(dev) + 0.1):
            break
        dev_old = dev
    cov = np.linalg.inv((Xd.T * mu) @ Xd)
    se = np.sqrt(np.diag(cov))
    return dev + beta[1] / se[1]


# Expectation maximisation for two normals, sample by sample.
@case(lambda rng: (near(rng, -1.9, -1.6, -2.3, 1.1, 1.8, 1.4, 2.2),), long=True)
def mixture_by_expectation_maximisation(x):
    n = len(x)
    pi_ = [0.5, 0.5]
    mu = [-1.0, 1.0]
    var = [1.0, 1.0]
    loglik = 0.0
    for it in range(4):
        resp = np.zeros((n, 2))
        loglik = 0.0
        for i in range(n):
            tot = 0.0
            for k in range(2):
                d = x[i] - mu[k]
                resp[i, k] = pi_[k] * math.exp(-0.5 * d * d / var[k]) / math.sqrt(
                    2 * math.pi * var[k]
                )
                tot += resp[i, k]
            resp[i] /= tot
            loglik += math.log(tot)
        for k in range(2):
            nk = resp[:, k].sum()
            mu[k] = (resp[:, k] * x).sum() / nk
            var[k] = (resp[:, k] * (x - mu[k]) ** 2).sum() / nk + 1e-6
            pi_[k] = nk / n
    return loglik


# Leave-one-out likelihood of a kernel density with Silverman's bandwidth.
@case(lambda rng: (spread(rng, 6, low=-2, high=2),), long=True)
def leave_one_out_density(data):
    n = data.size
    sigma = np.std(data, ddof=1)
    h = 1.06 * sigma * n ** (-1 / 5)
    score = 0.0
    for i in range(n):
        dens = 0.0
        for j in range(n):
            if i == j:
                continue
            u = (data[i] - data[j]) / h
            dens += math.exp(-0.5 * u ** 2) / math.sqrt(2.0 * math.pi)
        score += math.log(dens / ((n - 1) * h))
    return score / n


def betacf(a, b, x):
    """Continued fraction of the incomplete beta function, by Lentz's method."""
    MAXIT, EPS, FPMIN = 200, 3.0e-16, 1.0e-300
    qab = a + b
    qap = a + 1.0
    qam = a - 1.0
    c = 1.0
    d = 1.0 - qab * x / qap
    if abs(d) < FPMIN:
        d = FPMIN
    d = 1.0 / d
    h = d
    for m in range(1, MAXIT + 1):
        m2 = 2 * m
        aa = m * (b - m) * x / ((qam + m2) * (a + m2))
        d = 1.0 + aa * d
        if abs(d) < FPMIN:
            d = FPMIN
        c = 1.0 + aa / c
        if abs(c) < FPMIN:
            c = FPMIN
        d = 1.0 / d
        h *= d * c
        aa = -(a + m) * (qab + m) * x / ((a + m2) * (qap + m2))
        d = 1.0 + aa * d
        if abs(d) < FPMIN:
            d = FPMIN
        c = 1.0 + aa / c
        if abs(c) < FPMIN:
            c = FPMIN
        d = 1.0 / d
        delta = d * c
        h *= delta
        if abs(delta - 1.0) < EPS:
            break
    else:
        raise ArithmeticError("a or b too big, or MAXIT too small")
    return h


def betai(a, b, x):
    if x < 0.0 or x > 1.0:
        raise ValueError("bad x in betai")
    if x == 0.0 or x == 1.0:
        bt = 0.0
    else:
        bt = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
                      + a * math.log(x) + b * math.log(1.0 - x))
    if x < (a + 1.0) / (a + b + 2.0):
        return bt * betacf(a, b, x) / a
    return 1.0 - bt * betacf(b, a, 1.0 - x) / b


# Welch's test with the p-value from the incomplete beta function.
@case(
    lambda rng: (spread(rng, 5), 0.6 + spread(rng, 6, high=2.0)),
    argnums=(0, 1),
    long=True,
)
def welch_test(x, y):
    nx, ny = len(x), len(y)
    mx, my = sum(x) / nx, sum(y) / ny
    vx = sum([(xi - mx) ** 2 for xi in x]) / (nx - 1)
    vy = sum([(yi - my) ** 2 for yi in y]) / (ny - 1)
    sx, sy = vx / nx, vy / ny
    t = (mx - my) / math.sqrt(sx + sy)
    df = (sx + sy) ** 2 / (sx ** 2 / (nx - 1) + sy ** 2 / (ny - 1))
    p = betai(0.5 * df, 0.5, df / (df + t * t))
    return -math.log(p)


def gammainc_lower(a, x):
    """Regularised lower incomplete gamma: series or continued fraction."""
    if x <= 0:
        return 0.0
    gln = math.lgamma(a)
    if x < a + 1.0:
        ap = a
        total = delta = 1.0 / a
        while abs(delta) > abs(total) * 1e-16:
            ap += 1.0
            delta *= x / ap
            total += delta
        return total * math.exp(-x + a * math.log(x) - gln)
    b = x + 1.0 - a
    c = 1e300
    d = 1.0 / b
    h = d
    i = 1
    while True:
        an = -i * (i - a)
        b += 2.0
        d = 1.0 / (an * d + b)
        c = b + an / c
        delta = d * c
        h *= delta
        if abs(delta - 1.0) < 1e-16 or i > 300:
            break
        i += 1
    return 1.0 - math.exp(-x + a * math.log(x) - gln) * h


# Ljung and Box's test of residuals, and the tail of chi squared.
@case(lambda rng: (rng.normal(size=12),), long=True)
def ljung_box(resid, lags=3):
    n = len(resid)
    e = resid - resid.mean()
    denom = np.dot(e, e)
    q = 0.0
    for k in range(1, lags + 1):
        rho = np.dot(e[k:], e[:-k]) / denom
        q += rho ** 2 / (n - k)
    q *= n * (n + 2)
    return gammainc_lower(lags / 2.0, q / 2.0) + gammainc_lower(0.5, 3.0 + q)


# Negative binomial likelihood with offsets; the counts are data.
@case(
    lambda rng: (
        near(rng, 0.3, 0.8),
        1.7,
        rng.uniform(-1, 1, (5, 2)),
        np.array([0, 2, 1, 5, 3]),
    ),
    argnums=(0, 1),
    long=True,
)
def negative_binomial_likelihood(beta, theta, X, counts):
    if theta <= 0:
        return np.inf
    ll = 0.0
    for row, y in zip(X, counts):
        mu = np.exp(row @ beta)
        ll += math.lgamma(y + theta) - math.lgamma(theta) - math.lgamma(y + 1)
        ll += theta * np.log(theta / (theta + mu))
        if y > 0:
            ll += y * np.log(mu / (theta + mu))
    return -ll


# Two-way analysis of variance with interaction, from a table of cells.
@case(lambda rng: (rng.normal(size=(2, 3, 3)) + np.arange(3.0),), long=True)
def two_way_variance(y):
    a, b, r = y.shape
    grand = y.mean()
    row = y.mean(axis=(1, 2))
    col = y.mean(axis=(0, 2))
    cell = y.mean(axis=2)
    ss_a = b * r * ((row - grand) ** 2).sum()
    ss_b = a * r * ((col - grand) ** 2).sum()
    ss_ab = 0.0
    for i in range(a):
        for j in range(b):
            ss_ab += r * (cell[i, j] - row[i] - col[j] + grand) ** 2
    ss_e = ((y - cell[:, :, np.newaxis]) ** 2).sum()
    df = {"a": a - 1, "b": b - 1, "ab": (a - 1) * (b - 1), "e": a * b * (r - 1)}
    ms_e = ss_e / df["e"]
    F = dict(a=ss_a / df["a"] / ms_e, b=ss_b / df["b"] / ms_e, ab=ss_ab / df["ab"] / ms_e)
    return F["a"] + 0.5 * F["b"] - F["ab"]


# Robust location and scale: Huber's weights, iterated.
@case(
    lambda rng: (
        near(rng, 1.0, 1.3, 0.8, 1.1, 6.0, 0.7),
        near(rng, 0.1, 0.4, 0.2, 0.6, 0.9, 0.3),
    ),
    argnums=(0, 1),
)
def huber_line(y, x, k=1.345, iters=6):
    slope = 0.0
    intercept = np.sum(y) / len(y)
    w = np.ones_like(y)
    for _ in range(iters):
        r = y - intercept - slope * x
        s = np.sqrt(np.sum(w * r ** 2) / np.sum(w))
        for i in range(len(w)):
            if abs(r[i]) <= k * s:
                w[i] = 1.0
            else:
                w[i] = k * s / abs(r[i])
        sw = w.sum()
        xm, ym = (w * x).sum() / sw, (w * y).sum() / sw
        slope = (w * (x - xm) * (y - ym)).sum() / (w * (x - xm) ** 2).sum()
        intercept = ym - slope * xm
    return slope ** 2 + intercept


# Local regression (LOESS) with tricube weights of the nearest neighbours.
@case(
    lambda rng: (np.linspace(0, 1, 7) + near(rng, *[0] * 7), rng.normal(size=7)),
    argnums=(0, 1),
    long=True,
)
def local_regression(x, y, span=4):
    n = len(x)
    fitted = np.zeros(n)
    for i in range(n):
        dist = np.abs(x - x[i])
        nearest = np.argsort(dist)[:span + 1]
        dmax = dist[nearest[-1]] * 1.1
        w = (1 - (dist[nearest] / dmax) ** 3) ** 3
        xs, ys = x[nearest], y[nearest]
        sw = np.sum(w)
        xb = np.sum(w * xs) / sw
        yb = np.sum(w * ys) / sw
        b = np.sum(w * (xs - xb) * (ys - yb)) / np.sum(w * (xs - xb) ** 2)
        fitted[i] = yb + b * (x[i] - xb)
    return np.sum((y - fitted) ** 2)


# Gaussian copula: ranks are not needed, only inverse normals by Acklam's fractions.
def inverse_normal(p):
    a = (-3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02,
         1.383577518672690e+02, -3.066479806614716e+01, 2.506628277459239e+00)
    b = (-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
         6.680131188771972e+01, -1.328068155288572e+01)
    c = (-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
         -2.549732539343734e+00, 4.374664141464968e+00, 2.938163982698783e+00)
    d = (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
         3.754408661907416e+00)
    plow = 0.02425
    if p < plow:
        q = math.sqrt(-2 * math.log(p))
        return (((((c[0]*q+c[1])*q+c[2])*q+c[3])*q+c[4])*q+c[5]) / \
               ((((d[0]*q+d[1])*q+d[2])*q+d[3])*q+1)
    if 1 - plow < p:
        q = math.sqrt(-2 * math.log(1 - p))
        return -(((((c[0]*q+c[1])*q+c[2])*q+c[3])*q+c[4])*q+c[5]) / \
                ((((d[0]*q+d[1])*q+d[2])*q+d[3])*q+1)
    q = p - 0.5
    r = q * q
    return (((((a[0]*r+a[1])*r+a[2])*r+a[3])*r+a[4])*r+a[5])*q / \
           (((((b[0]*r+b[1])*r+b[2])*r+b[3])*r+b[4])*r+1)


@case(
    lambda rng: (near(rng, [0.01, 0.3], [0.6, 0.5], [0.99, 0.9], noise=0.004), 0.4),
    argnums=(0, 1),
    long=True,
)
def copula_likelihood(u, rho):
    total = 0.0
    for i in range(u.shape[0]):
        x, y = inverse_normal(u[i, 0]), inverse_normal(u[i, 1])
        total += -0.5 * math.log(1 - rho ** 2) - (
            rho ** 2 * (x ** 2 + y ** 2) - 2 * rho * x * y
        ) / (2 * (1 - rho ** 2))
    return total


class ThreeParameters:
    def __init__(self, a, b, c):
        self.a, self.b, self.c = a, b, c

    def p(self, theta):
        return self.c + (1 - self.c) * expit(1.702 * self.a * (theta - self.b))

    def info(self, theta):
        p = self.p(theta)
        scale = 1.702 ** 2 * self.a ** 2
        return scale * (1 - p) / p * ((p - self.c) / (1 - self.c)) ** 2


# Items of a test: the marginal likelihood by Gauss and Hermite, then the next item.
@case(
    lambda rng: (near(rng, 1.2, 0.9, 1.5, 0.8), near(rng, 0.3, -1.0, 0.5, 1.2),
                 near(rng, 0.15, 0.2, 0.1, 0.12)),
    argnums=(0, 1, 2),
)
def item_response(a, b, c, n_quad=5):
    responses = np.array([[1, 0, 1, 1], [0, 0, 1, 0]])
    nodes, weights = np.polynomial.hermite.hermgauss(n_quad)
    theta = np.sqrt(2) * nodes
    w = weights / np.sqrt(np.pi)
    items = [ThreeParameters(ai, bi, ci) for ai, bi, ci in zip(a, b, c)]
    P = np.array([it.p(theta) for it in items])
    ll = 0.0
    eaps = np.zeros(len(responses))
    for s, u in enumerate(responses):
        L = np.prod(np.where(u[:, None] == 1, P, 1 - P), axis=0)
        marg = np.dot(L, w)
        ll += np.log(marg)
        eaps[s] = np.dot(L * w, theta) / marg
    infos = [it.info(eaps[0]) for it in items]
    return ll + eaps.sum() + infos[int(np.argmax(infos))]


# A local level by EM: filter, smoother, new variances.
@case(
    lambda rng: (np.cumsum(near(rng, 0.3, -0.5, 0.8, 0.2, -0.4, 0.6)), 0.4, 0.2),
    argnums=(0, 1, 2), long=True,
)
def local_level_by_em(y, q, r, n_iter=2):
    n = len(y)
    for it in range(n_iter):
        m_f, P_f, m_p, P_p = (np.empty(n) for _ in range(4))
        m, P = y[0], 1.0
        ll = 0.0
        for t in range(n):
            m_p[t], P_p[t] = m, P + q
            v = y[t] - m_p[t]
            S = P_p[t] + r
            K = P_p[t] / S
            m = m_p[t] + K * v
            P = (1 - K) * P_p[t]
            m_f[t], P_f[t] = m, P
            ll -= 0.5 * (math.log(2 * math.pi * S) + v * v / S)
        m_s, P_s = m_f.copy(), P_f.copy()
        lag = np.zeros(n)
        for t in reversed(range(n - 1)):
            J = P_f[t] / P_p[t + 1]
            m_s[t] = m_f[t] + J * (m_s[t + 1] - m_p[t + 1])
            P_s[t] = P_f[t] + J ** 2 * (P_s[t + 1] - P_p[t + 1])
            lag[t + 1] = J * P_s[t + 1]
        q = np.mean((m_s[1:] - m_s[:-1]) ** 2 + P_s[1:] + P_s[:-1] - 2 * lag[1:])
        r = np.mean((y - m_s) ** 2 + P_s)
    return ll + q - r


State = namedtuple("State", ["S", "E", "I", "R", "D"])


def rates(state, p, C, N):
    lam = p["beta"] * C @ (state.I / N)
    dS = -lam * state.S
    dE = lam * state.S - p["sigma"] * state.E
    dI = p["sigma"] * state.E - p["gamma"] * state.I
    gone = p["gamma"] * state.I
    return State(dS, dE, dI, (1 - p["cfr"]) * gone, p["cfr"] * gone)


# An epidemic in age groups, with a lockdown above a number of cases.
@case(
    lambda rng: (
        {"beta": 0.06, "sigma": 0.2, "gamma": 0.14, "cfr": near(rng, 0.05, 0.2)},
        near(rng, [8.0, 3.0], [3.0, 6.0]),
    ),
    argnums=(0, 1),
)
def epidemic_in_age_groups(params, C, days=6, dt=0.5):
    N = np.array([3e5, 5e5])
    I0 = np.array([10.0, 10.0])
    s = State(N - I0, np.zeros(2), I0, np.zeros(2), np.zeros(2))
    locked = False
    history = []
    t = 0.0
    while t < days:
        Ceff = C * (0.4 if locked else 1.0)
        k1 = rates(s, params, Ceff, N)
        mid = State(*[x + 0.5 * dt * k for x, k in zip(s, k1)])
        k2 = rates(mid, params, Ceff, N)
        s = State(*(x + dt * k for x, k in zip(s, k2)))
        incidence = params["sigma"] * s.E.sum()
        history.append(incidence)
        if not locked and incidence > 9.0:
            locked = True
        t += dt
    ngm = params["beta"] / params["gamma"] * C
    return s.D.sum() + max(history) + np.max(np.abs(np.linalg.eigvals(ngm)))


# Ratings by Elo, kept by name, with margins.
@case(lambda rng: ({"K": 24.0, "scale": 400.0, "init": near(rng, 1500.0, 1520, 1480)},))
def elo_league(model):
    ratings = OrderedDict((n, r) for n, r in zip(["x", "y", "z"], model["init"]))
    log = [("x", "y", 1.0), ("y", "z", 0.5), ("z", "x", 1.0), ("x", "z", 0.0)]
    brier = 0
    for a, b, s in log:
        ra, rb = ratings[a], ratings[b]
        ea = 1 / (1 + 10 ** ((rb - ra) / model["scale"]))
        brier += (s - ea) ** 2
        margin = np.log(abs(ra - rb) + 1)
        ratings[a] = ra + model["K"] * margin * (s - ea)
        ratings[b] = rb + model["K"] * margin * ((1 - s) - (1 - ea))
    return brier + np.std(list(ratings.values())) / 100
