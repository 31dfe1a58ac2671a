"""Finance: trees, partial differential equations, simulation, curves, risk."""

import math
from math import exp, log, sqrt

import numpy as np

from tests.cases import case
from tests.cases.inputs import definite, near


def norm_cdf(x):
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def norm_pdf(x):
    return math.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)


def bs_price(flag, S, K, t, r, sigma):
    d1 = (math.log(S / K) + (r + sigma ** 2 / 2) * t) / (sigma * math.sqrt(t))
    d2 = d1 - sigma * math.sqrt(t)
    if flag == "c":
        return S * norm_cdf(d1) - K * math.exp(-r * t) * norm_cdf(d2)
    elif flag == "p":
        return K * math.exp(-r * t) * norm_cdf(-d2) - S * norm_cdf(-d1)
    else:
        raise ValueError("flag must be c or p")


# Implied volatility by Newton, with bisection where Newton leaves the bracket.
@case(
    lambda rng: (near(rng, 11.0)[0], near(rng, 100.0)[0], 105.0),
    argnums=(0, 1, 2),
    long=True,
)
def implied_volatility(price, S, K, t=0.75, r=0.02, flag="p"):
    lo, hi = 1e-4, 4.0
    sigma = 0.5
    for _ in range(60):
        diff = bs_price(flag, S, K, t, r, sigma) - price
        if diff > 0:
            hi = sigma
        else:
            lo = sigma
        d1 = (math.log(S / K) + (r + sigma ** 2 / 2) * t) / (sigma * math.sqrt(t))
        vega = S * norm_pdf(d1) * math.sqrt(t)
        new = sigma - diff / vega
        if not lo < new < hi:
            new = 0.5 * (lo + hi)
        if abs(new - sigma) < 1e-13:
            sigma = new
            break
        sigma = new
    return sigma


# Heston's model by Euler's full truncation, both paths of each draw.
@case(
    lambda rng: (near(rng, 100.0, 0.04, 1.5, 0.05, 0.4, -0.6, noise=0.01),
                 rng.normal(size=(2, 3, 2))),
    long=True,
)
def heston_call(params, z, K=98.0, T=0.5, r=0.01):
    S0, v0, kappa, theta, xi, rho = params
    n_paths, n_steps = z.shape[0], z.shape[1]
    dt = T / n_steps
    payoff = 0.0
    for sign in [1, -1]:
        for p in range(n_paths):
            x = math.log(S0)
            v = v0
            for k in range(n_steps):
                z1 = sign * z[p, k, 0]
                z2 = rho * z1 + math.sqrt(1 - rho * rho) * sign * z[p, k, 1]
                vp = max(v, 0.0)
                x += (r - 0.5 * vp) * dt + math.sqrt(vp * dt) * z1
                v += kappa * (theta - vp) * dt + xi * math.sqrt(vp * dt) * z2
            # a smooth payoff keeps the sample away from the strike
            payoff += 0.5 * (math.exp(x) - K + math.sqrt((math.exp(x) - K) ** 2 + 25.0))
    return math.exp(-r * T) * payoff / (2 * n_paths)


# A put on a grid of prices, implicit in time, early exercise by projection.
@case(
    lambda rng: (near(rng, 0.3)[0], near(rng, 0.05, noise=0.002)[0]),
    argnums=(0, 1),
    long=True,
)
def put_on_a_grid(sigma, r, K=10.0, T=0.5, M=8, N=4):
    Smax = 2.5 * K
    dS = Smax / M
    dt = T / N
    S = np.linspace(0, Smax, M + 1)
    V = np.maximum(K - S, 0)
    payoff = V.copy()
    alpha = np.zeros(M + 1)
    beta = np.zeros(M + 1)
    gamma = np.zeros(M + 1)
    for i in range(1, M):
        alpha[i] = 0.5 * dt * (sigma ** 2 * i ** 2 - r * i)
        beta[i] = -dt * (sigma ** 2 * i ** 2 + r)
        gamma[i] = 0.5 * dt * (sigma ** 2 * i ** 2 + r * i)
    A = np.diag(1 - beta[1:M]) - np.diag(alpha[2:M], k=-1) - np.diag(gamma[1:M - 1], k=1)
    for n in range(N):
        rhs = V[1:M].copy()
        rhs[0] += alpha[1] * K
        V[1:M] = np.linalg.solve(A, rhs)
        V[0] = K
        V[-1] = 0
        V = np.maximum(V, payoff)
    s0 = 11.0
    i = int(s0 / dS)
    w = (s0 - S[i]) / dS
    return (1 - w) * V[i] + w * V[i + 1]


# Least squares Monte Carlo for an American put; exercise is decided by the data.
@case(
    lambda rng: (
        np.array([1.0, 1.09, 1.22, 0.93]) + near(rng, *[0] * 4, noise=0.005),
        0.2,
        rng.permutation(np.linspace(-1.6, 1.5, 24)).reshape(8, 3),
    ),
    argnums=(0, 1),
    long=True,
)
def longstaff_schwartz(S0, sigma, z, K=1.1, r=0.06, dt=1.0):
    paths, steps = z.shape
    S = np.zeros((paths, steps + 1))
    S[:, 0] = np.mean(S0)
    for t in range(steps):
        S[:, t + 1] = S[:, t] * np.exp((r - 0.5 * sigma ** 2) * dt + sigma * np.sqrt(dt) * z[:, t])
    cash = np.maximum(K - S[:, -1], 0.0)
    for t in range(steps - 1, 0, -1):
        cash = cash * np.exp(-r * dt)
        money = np.where(S[:, t] < K)[0]
        if len(money) < 3:
            continue
        X = S[money, t]
        Y = cash[money]
        B = np.stack([np.ones(len(X)), X, X ** 2], axis=1)
        coef = np.linalg.solve(B.T @ B + 1e-6 * np.eye(3), B.T @ Y)
        cont = B @ coef
        now = K - X
        for j in range(len(money)):
            if now[j] > cont[j]:
                cash[money[j]] = now[j]
    return np.exp(-r * dt) * cash.mean()


def svensson(t, p):
    b0, b1, b2, b3, t1, t2 = p
    x1 = t / t1
    x2 = t / t2
    f1 = (1 - np.exp(-x1)) / x1
    f2 = (1 - np.exp(-x2)) / x2
    return b0 + b1 * f1 + b2 * (f1 - np.exp(-x1)) + b3 * (f2 - np.exp(-x2))


# Pricing error of coupon bonds under Svensson's curve, weighted by duration.
@case(
    lambda rng: (near(rng, 0.04, -0.02, 0.01, 0.015, 1.5, 6.0, noise=0.005),), long=True
)
def bond_curve_error(params):
    bonds = [
        {"coupon": 0.03, "years": 2, "price": 99.1},
        {"coupon": 0.05, "years": 5, "price": 104.0},
        {"coupon": 0.00, "years": 3, "price": 90.5},
    ]
    sse = 0.0
    for bond in bonds:
        price = 0.0
        weighted = 0.0
        for year in range(1, bond["years"] + 1):
            cf = 100 * bond["coupon"]
            if year == bond["years"]:
                cf += 100
            df = np.exp(-svensson(year, params) * year)
            price += cf * df
            weighted += year * cf * df
        duration = weighted / price
        sse += ((price - bond["price"]) / duration) ** 2
    return sse


# Hagan's formula for the smile of SABR, with the limit at the money.
@case(lambda rng: (near(rng, 0.03, 0.2, 0.5, -0.3, 0.4, noise=0.003),), long=True)
def sabr_smile(q):
    f, alpha, beta, rho, nu = q[0], q[1], q[2], q[3], q[4]
    T = 2.0
    total = 0.0
    for k in [0.02, 0.025, f, 0.04]:
        logfk = log(f / k)
        fkb = (f * k) ** (1 - beta)
        a = (1 - beta) ** 2 * alpha ** 2 / (24 * fkb)
        b = 0.25 * rho * beta * nu * alpha / fkb ** 0.5
        c = (2 - 3 * rho ** 2) * nu ** 2 / 24
        d = fkb ** 0.5
        v = (1 - beta) ** 2 * logfk ** 2 / 24
        w = (1 - beta) ** 4 * logfk ** 4 / 1920
        z = nu * fkb ** 0.5 * logfk / alpha
        if abs(z) > 1e-8:
            x = log((sqrt(1 - 2 * rho * z + z ** 2) + z - rho) / (1 - rho))
            vz = z / x
        else:
            vz = 1.0
        vol = alpha * vz * (1 + (a + b + c) * T) / (d * (1 + v + w))
        total += vol
    return total


# Money-weighted return of dated flows.
@case(lambda rng: (near(rng, -1000.0, 200.0, 350.0, -50.0, 700.0, noise=5.0),))
def money_weighted_return(amounts):
    days = (0, 120, 300, 410, 800)
    rate = 0.1
    for _ in range(100):
        npv = 0.0
        dnpv = 0.0
        for a, d in zip(amounts, days):
            t = d / 365.0
            npv += a / (1 + rate) ** t
            dnpv -= t * a / (1 + rate) ** (t + 1)
        step = npv / dnpv
        rate = rate - step
        if rate <= -0.99:
            rate = -0.5
        if abs(step) < 1e-14:
            break
    return rate


# Risk parity by cyclical coordinate descent, then the parametric value at risk.
@case(lambda rng: (0.04 * definite(rng, 4),), long=True)
def risk_parity(cov):
    n = cov.shape[0]
    b = np.ones(n) / n
    x = 1.0 / np.sqrt(np.diag(cov))
    x = x / x.sum()
    for sweep in range(5):
        sig = np.sqrt(x @ cov @ x)
        for i in range(n):
            rest = 0.0
            for j in range(n):
                if j != i:
                    rest += cov[i, j] * x[j]
            disc = rest ** 2 + 4 * cov[i, i] * b[i] * sig
            x[i] = (-rest + np.sqrt(disc)) / (2 * cov[i, i])
    w = x / x.sum()
    vol = np.sqrt(w @ cov @ w)
    contribution = w * (cov @ w) / vol
    return 2.326 * vol + np.sum((contribution - vol / n) ** 2) + contribution[0]


# Hazard rates bootstrapped from spreads of default swaps, one maturity at a time.
@case(
    lambda rng: (near(rng, 0.010, 0.014, 0.018, noise=0.0005), 0.4),
    argnums=(0, 1),
    long=True,
)
def default_swap_bootstrap(spreads, recovery, rate=0.03):
    tenors = [1, 3, 5]
    hazards = []
    for n, (tenor, s) in enumerate(zip(tenors, spreads)):
        h = s / (1 - recovery)
        for it in range(30):
            values = []
            for bump in (0.0, 1e-6):
                surv = 1.0
                premium = protection = 0.0
                for year in range(1, tenor + 1):
                    lam = h + bump
                    for m in range(n):
                        if year <= tenors[m]:
                            lam = hazards[m]
                            break
                    after = surv * exp(-lam)
                    df = exp(-rate * year)
                    premium += s * df * 0.5 * (surv + after)
                    protection += (1 - recovery) * df * (surv - after)
                    surv = after
                values.append(protection - premium)
            slope = (values[1] - values[0]) / 1e-6
            h -= values[0] / slope
            if abs(values[0]) < 1e-14:
                break
        hazards.append(h)
    return 1 - math.exp(-(hazards[0] + 2 * hazards[1] + 2 * hazards[2]))


# Vasicek's short rate on a trinomial tree with branches that bend at the edge.
@case(
    lambda rng: (near(rng, 0.05, noise=0.003)[0], near(rng, 0.3)[0], 0.012),
    argnums=(0, 1, 2),
    long=True,
)
def trinomial_bond_option(r0, a, sigma, n=4, dt=0.5, strike=0.93):
    dr = sigma * sqrt(3 * dt)
    jmax = 2
    width = 2 * jmax + 1
    pu = np.zeros(width)
    pm = np.zeros(width)
    pd = np.zeros(width)
    for j in range(-jmax, jmax + 1):
        x = a * j * dt
        if j == jmax:
            pu[j + jmax] = 7 / 6 + (x * x - 3 * x) / 2
            pm[j + jmax] = -1 / 3 - x * x + 2 * x
            pd[j + jmax] = 1 / 6 + (x * x - x) / 2
        elif j == -jmax:
            pu[j + jmax] = 1 / 6 + (x * x + x) / 2
            pm[j + jmax] = -1 / 3 - x * x - 2 * x
            pd[j + jmax] = 7 / 6 + (x * x + 3 * x) / 2
        else:
            pu[j + jmax] = 1 / 6 + (x * x - x) / 2
            pm[j + jmax] = 2 / 3 - x * x
            pd[j + jmax] = 1 / 6 + (x * x + x) / 2
    bond = np.ones(width)
    option = np.zeros(width)
    for i in range(n - 1, -1, -1):
        new = np.zeros(width)
        new_option = np.zeros(width)
        for j in range(-min(i, jmax), min(i, jmax) + 1):
            k = j + jmax
            centre = k
            if j == jmax:
                centre = k - 1
            elif j == -jmax:
                centre = k + 1
            disc = np.exp(-(r0 + j * dr) * dt)
            new[k] = disc * (pu[k] * bond[centre + 1] + pm[k] * bond[centre]
                             + pd[k] * bond[centre - 1])
            if i == 2:
                new_option[k] = new[k] - strike if new[k] > strike else 0.0
            elif i < 2:
                new_option[k] = disc * (
                    pu[k] * option[centre + 1] + pm[k] * option[centre]
                    + pd[k] * option[centre - 1])
        bond, option = new, new_option
    return bond[jmax] + 10 * option[jmax]
