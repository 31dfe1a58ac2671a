"""Chemistry and physics: phases, reactions, molecules, orbitals, waves."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import near


# A flash: Rachford and Rice by Newton, equilibrium ratios from NRTL and Antoine.
@case(
    lambda rng: (near(rng, 0.4, 0.35, 0.25), near(rng, 345.0)[0]),
    argnums=(0, 1),
    long=True,
)
def flash_with_activity(z, T, P=101.3):
    z = z / z.sum()
    n = 3
    antoine = [(16.5938, 3644.30, 239.76), (13.8594, 2773.78, 220.07), (16.3872, 3885.70, 230.17)]
    tau = np.array([[0.0, 0.7, 0.3], [0.9, 0.0, 0.5], [0.2, 0.6, 0.0]]) * 300.0 / T
    alpha = 0.3
    Gm = np.exp(-alpha * tau)
    x = z.copy()
    beta = 0.5
    K = np.ones(n)
    for outer in range(6):
        gamma = np.zeros(n)
        for i in range(n):
            Si = 0.0
            for j in range(n):
                Si += Gm[j, i] * x[j]
            first = sum(tau[j, i] * Gm[j, i] * x[j] for j in range(n)) / Si
            second = 0.0
            for j in range(n):
                Sj = sum(Gm[k, j] * x[k] for k in range(n))
                tj = sum(x[m] * tau[m, j] * Gm[m, j] for m in range(n))
                second += x[j] * Gm[i, j] / Sj * (tau[i, j] - tj / Sj)
            gamma[i] = np.exp(first + second)
        for i, (A, B, C) in enumerate(antoine):
            psat = np.exp(A - B / (T - 273.15 + C))
            K[i] = gamma[i] * psat / P
        for inner in range(20):
            f = np.sum(z * (K - 1) / (1 + beta * (K - 1)))
            df = -np.sum(z * (K - 1) ** 2 / (1 + beta * (K - 1)) ** 2)
            new = beta - f / df
            if new < 0.0:
                new = beta / 2
            elif new > 1.0:
                new = (1 + beta) / 2
            if abs(new - beta) < 1e-13:
                beta = new
                break
            beta = new
        x = z / (1 + beta * (K - 1))
        x /= np.sum(x)
    y = K * x
    return beta + y[0] - 0.5 * x[1]


# Titration of an acid with two steps, activities by Davies; bisection and Newton.
@case(
    lambda rng: (near(rng, 0.1)[0], near(rng, 6.0, 12.0, 18.0)),
    argnums=(0, 1),
    long=True,
)
def titration_curve(acid, volumes, V0=20.0, base=0.12):
    Ka = (1e-3, 1e-7)
    Kw = 1.0e-14
    pHs = []
    for V in volumes:
        Ca = acid * V0 / (V0 + V)
        Cb = base * V / (V0 + V)
        ionic = Cb
        lo, hi = 0.0, 14.0
        pH = 7.0
        for it in range(100):
            s = math.sqrt(ionic)
            logg = -0.509 * (s / (1 + s) - 0.3 * ionic)
            g1, g2 = 10 ** logg, 10 ** (4 * logg)
            h = 10 ** -pH
            k1, k2, kw = Ka[0] / g1 ** 2, Ka[1] * g1 / g2 / g1, Kw / g1 ** 2
            den = h * h + k1 * h + k1 * k2
            charge = h + Cb - kw / h - Ca * (k1 * h + 2 * k1 * k2) / den
            dden = 2 * h + k1
            dcharge = 1 + kw / h ** 2 - Ca * (k1 * den - (k1 * h + 2 * k1 * k2) * dden) / den ** 2
            step = charge / (dcharge * -h * math.log(10))
            if charge > 0:
                lo = pH
            else:
                hi = pH
            trial = pH - step
            if trial <= lo or trial >= hi:
                trial = 0.5 * (lo + hi)
            converged = abs(trial - pH) < 1e-12
            pH = trial
            if converged:
                break
        pHs.append(pH)
    slope = (pHs[2] - pHs[0]) / (volumes[2] - volumes[0])
    return sum(pHs) / 3 + 10 * slope


# Molecular dynamics in a periodic box: pairs, cut-off, velocity Verlet, thermostat.
@case(
    lambda rng: (
        near(rng, [0.3, 0.4], [1.5, 0.5], [0.5, 1.7], [1.7, 1.8], noise=0.05),
        0.1 * rng.normal(size=(4, 2)),
    ),
    argnums=(0, 1),
    long=True,
)
def verlet_in_a_box(pos, vel, box=3.0, dt=0.01, steps=3, rc=1.45, T0=0.05):
    def forces(x):
        f = np.zeros_like(x)
        pot = 0.0
        n = len(x)
        for i in range(n - 1):
            for j in range(i + 1, n):
                d = x[i] - x[j]
                d -= box * np.round(d / box)
                r2 = d @ d
                if r2 < rc ** 2:
                    inv6 = 1.0 / r2 ** 3
                    pot += 4 * (inv6 ** 2 - inv6)
                    ff = 24 * (2 * inv6 ** 2 - inv6) / r2 * d
                    f[i] += ff
                    f[j] -= ff
        return f, pot

    x, v = pos.copy(), vel - vel.mean(axis=0)
    f, pot = forces(x)
    for s in range(steps):
        v += 0.5 * dt * f
        x += dt * v
        x %= box
        f, pot = forces(x)
        v += 0.5 * dt * f
        temp = np.sum(v ** 2) / (2 * len(x))
        v *= np.sqrt(1 + 0.1 * (T0 / temp - 1))
    return pot + 0.5 * np.sum(v ** 2)


# Numerov's method and a secant search for a bound state.
@case(lambda rng: (near(rng, 1.0, 0.1),), long=True)
def numerov_bound_state(pot, n=16, L=4.0):
    h = L / n
    x = np.linspace(0, L, n + 1)
    V = 0.5 * pot[0] * x ** 2 + pot[1] * x ** 4

    def end_value(E):
        k2 = 2 * (E - V)
        psi = np.zeros(n + 1)
        psi[0] = 1.0
        psi[1] = 1 - 0.5 * h * h * k2[0]
        for i in range(1, n):
            psi[i + 1] = (2 * (1 - 5 * h * h / 12 * k2[i]) * psi[i]
                          - (1 + h * h / 12 * k2[i - 1]) * psi[i - 1]) / (1 + h * h / 12 * k2[i + 1])
        return psi[n]

    E0, E1 = 0.50, 0.60
    f0, f1 = end_value(E0), end_value(E1)
    for it in range(12):
        E2 = E1 - f1 * (E1 - E0) / (f1 - f0)
        E0, f0 = E1, f1
        E1, f1 = E2, end_value(E2)
        if abs(E1 - E0) < 1e-9:
            break
    return E1


# McCabe and Thiele: stages stepped off between curve and lines.
@case(
    lambda rng: (2.5, near(rng, 1.9)[0], near(rng, 0.9)[0]),
    argnums=(0, 1, 2),
    long=True,
)
def distillation_stages(alpha, reflux, q, zF=0.5, xD=0.95, xB=0.05):
    xi = (xD / (reflux + 1) + zF / (q - 1)) / (q / (q - 1) - reflux / (reflux + 1))
    yi = reflux / (reflux + 1) * xi + xD / (reflux + 1)
    x, y = xD, xD
    stages = 0
    while x > xB:
        x_new = y / (alpha - (alpha - 1) * y)
        if x_new < xB:
            return stages + (x - xB) / (x - x_new)
        x = x_new
        if x > xi:
            y = reflux / (reflux + 1) * x + xD / (reflux + 1)
        else:
            slope = (yi - xB) / (xi - xB)
            y = slope * (x - xB) + xB
        stages += 1
        if stages > 100:
            raise RuntimeError("reflux below the minimum")
    return float(stages)


# A stirred tank with Arrhenius and a cooling jacket: Euler steps with event.
@case(
    lambda rng: (near(rng, 350.0)[0], near(rng, 300.0)[0], near(rng, 0.9)[0]),
    argnums=(0, 1, 2),
)
def stirred_tank(T0, Tc, Ca0, dt=0.01, n=12):
    species = {"A": Ca0, "B": 0.0, "C": 0.0}
    T = T0
    hot = 0
    for step in range(n):
        k1 = 7.2e10 * np.exp(-8750 / T)
        k2 = 1.0e5 * np.exp(-6000 / T)
        r1 = k1 * species["A"]
        r2 = k2 * species["B"] ** 2
        dT = (350 - T) + 209.2 * (r1 + 0.5 * r2) / 1.0 + 2.09 * (Tc - T)
        species["A"] += dt * ((1.0 - species["A"]) - r1)
        species["B"] += dt * (-species["B"] + r1 - 2 * r2)
        species["C"] += dt * (-species["C"] + r2)
        T += dt * dT
        if T > 400:
            hot += 1
            T = 400 + 0.5 * (T - 400)
    return species["B"] + 10 * species["C"] + T / 100 + hot
