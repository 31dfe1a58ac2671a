"""Solvers of ordinary and partial differential equations, as courses teach them."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import matrix, near


def van_der_pol(t, y, mu):
    return np.array([y[1], mu * (1 - y[0] ** 2) * y[1] - y[0]])


# Dormand-Prince with step control; the step itself depends on the error.
@case(lambda rng: (near(rng, 1.5, 0.2), 0.8), argnums=(0, 1), long=True)
def dormand_prince(y0, mu, t_end=1.0, tol=1e-4):
    t = 0.0
    y = np.array(y0, dtype=float)
    h = 0.2
    steps = rejected = 0
    while t < t_end:
        if t + h > t_end:
            h = t_end - t
        k1 = van_der_pol(t, y, mu)
        k2 = van_der_pol(t + h / 5, y + h * k1 / 5, mu)
        k3 = van_der_pol(t + 3 * h / 10, y + h * (3 * k1 / 40 + 9 * k2 / 40), mu)
        k4 = van_der_pol(
            t + 4 * h / 5, y + h * (44 * k1 / 45 - 56 * k2 / 15 + 32 * k3 / 9), mu
        )
        k5 = van_der_pol(
            t + 8 * h / 9,
            y + h * (19372 * k1 / 6561 - 25360 * k2 / 2187 + 64448 * k3 / 6561
                     - 212 * k4 / 729),
            mu,
        )
        k6 = van_der_pol(
            t + h,
            y + h * (9017 * k1 / 3168 - 355 * k2 / 33 + 46732 * k3 / 5247
                     + 49 * k4 / 176 - 5103 * k5 / 18656),
            mu,
        )
        y5 = y + h * (35 * k1 / 384 + 500 * k3 / 1113 + 125 * k4 / 192
                      - 2187 * k5 / 6784 + 11 * k6 / 84)
        k7 = van_der_pol(t + h, y5, mu)
        y4 = y + h * (5179 * k1 / 57600 + 7571 * k3 / 16695 + 393 * k4 / 640
                      - 92097 * k5 / 339200 + 187 * k6 / 2100 + k7 / 40)
        err = np.max(np.abs(y5 - y4))
        if err <= tol:
            t += h
            y = y5
            steps += 1
        else:
            rejected += 1
        h = h * min(5.0, max(0.2, 0.9 * (tol / (err + 1e-300)) ** 0.2))
        if steps + rejected > 100:
            raise RuntimeError("too many steps")
    return y[0] * y[0] + 0.5 * y[1]


def tridag(a, b, c, r):
    """Thomas' algorithm with a work array, as in Numerical Recipes."""
    n = len(b)
    gam = np.zeros(n)
    u = np.zeros(n)
    if b[0] == 0.0:
        raise ValueError("tridag: rewrite equations")
    bet = b[0]
    u[0] = r[0] / bet
    for j in range(1, n):
        gam[j] = c[j - 1] / bet
        bet = b[j] - a[j] * gam[j]
        if bet == 0.0:
            raise ValueError("tridag failed")
        u[j] = (r[j] - a[j] * u[j - 1]) / bet
    for j in range(n - 2, -1, -1):
        u[j] -= gam[j + 1] * u[j + 1]
    return u


# Crank-Nicolson for heat in a rod with conductivity given cell by cell.
@case(
    lambda rng: (np.sin(np.linspace(0, np.pi, 7)) + near(rng, *[0] * 7),
                 near(rng, 1.0, 1.2, 0.7, 0.9, 1.4, 1.1)),
    argnums=(0, 1),
    long=True,
)
def crank_nicolson_heat(u, kappa, dt=0.02, nt=4):
    n = len(u)
    dx = 1.0 / (n - 1)
    for it in range(nt):
        a = np.zeros(n)
        b = np.ones(n)
        c = np.zeros(n)
        rhs = u.copy()
        for i in range(1, n - 1):
            left = 0.5 * dt * kappa[i - 1] / dx ** 2
            right = 0.5 * dt * kappa[i] / dx ** 2
            a[i] = -left
            b[i] = 1.0 + left + right
            c[i] = -right
            rhs[i] = u[i] + left * (u[i - 1] - u[i]) + right * (u[i + 1] - u[i])
        u = tridag(a, b, c, rhs)
    flux = -kappa[-1] * (u[-1] - u[-2]) / dx
    return flux ** 2 + np.trapezoid(u, dx=dx)


# Shallow water in one dimension: Lax-Friedrichs on conserved variables.
@case(
    lambda rng: (near(rng, 1.0, 1.1, 1.4, 1.2, 1.0, 0.9), 9.81),
    argnums=(0, 1),
    long=True,
)
def shallow_water(h0, g, steps=4, dx=0.1, cfl=0.4):
    n = h0.size
    U = np.zeros((2, n))
    U[0] = h0
    for _ in range(steps):
        h = U[0]
        u = U[1] / h
        c = np.abs(u) + np.sqrt(g * h)
        dt = cfl * dx / c.max()
        F = np.empty_like(U)
        F[0] = U[1]
        F[1] = U[1] * u + 0.5 * g * h ** 2
        Unew = U.copy()
        for i in range(1, n - 1):
            Unew[:, i] = 0.5 * (U[:, i - 1] + U[:, i + 1]) - dt / (2 * dx) * (
                F[:, i + 1] - F[:, i - 1]
            )
        # walls
        Unew[0, 0] = Unew[0, 1]
        Unew[1, 0] = -Unew[1, 1]
        Unew[0, -1] = Unew[0, -2]
        Unew[1, -1] = -Unew[1, -2]
        U = Unew
    energy = 0.5 * U[1] ** 2 / U[0] + 0.5 * g * U[0] ** 2
    return float(energy.sum() * dx)


# Robertson's stiff reactions: backward Euler, Newton inside, the Jacobian by hand.
@case(lambda rng: (near(rng, 0.04, 30.0, 1e3, noise=0.001),), long=True)
def robertson_backward_euler(k):
    def f(y):
        r1 = k[0] * y[0]
        r2 = k[1] * y[1] ** 2
        r3 = k[2] * y[1] * y[2]
        return np.array([-r1 + r3, r1 - r2 - r3, r2])

    y = np.array([1.0, 0.0, 0.0])
    dt = 0.1
    for step in range(5):
        z = y.copy()
        for it in range(10):
            res = z - y - dt * f(z)
            J = np.eye(3)
            J[0, 0] += dt * k[0]
            J[0, 1] -= dt * k[2] * z[2]
            J[0, 2] -= dt * k[2] * z[1]
            J[1, 0] -= dt * k[0]
            J[1, 1] += dt * (2 * k[1] * z[1] + k[2] * z[2])
            J[1, 2] += dt * k[2] * z[1]
            J[2, 1] -= dt * 2 * k[1] * z[1]
            dz = np.linalg.solve(J, -res)
            z += dz
            if np.linalg.norm(dz) < 1e-13:
                break
        y = z
        dt *= 1.5
    return y[2] + 10 * y[1]


def van_leer(r):
    return (r + abs(r)) / (1.0 + abs(r))


# Advection with a flux limiter, periodic.
@case(lambda rng: (near(rng, 0.1, 0.6, 1.3, 1.5, 0.9, 0.3, 0.2), 0.6), argnums=(0, 1))
def limited_advection(u, cfl, steps=3):
    nx = u.shape[0]
    flux = np.zeros(nx)
    for n in range(steps):
        for i in range(nx):
            um, uc, up = u[i - 1], u[i], u[(i + 1) % nx]
            den = up - uc
            if abs(den) < 1e-12:
                phi = 0.0
            else:
                phi = van_leer((uc - um) / den)
            flux[i] = uc + 0.5 * phi * (1 - cfl) * den
        unew = np.empty(nx)
        for i in range(nx):
            unew[i] = u[i] - cfl * (flux[i] - flux[i - 1])
        u = unew
    return np.sum(u ** 3) + u[2]


# Poisson's equation by successive over-relaxation, red before black.
@case(lambda rng: (rng.normal(size=(5, 5)), 1.4), argnums=(0, 1), long=True)
def red_black_poisson(f, omega, sweeps=3):
    ny, nx = f.shape
    h = 1.0 / (nx - 1)
    p = np.zeros((ny, nx))
    for sweep in range(sweeps):
        for colour in (0, 1):
            for i in range(1, ny - 1):
                start = 1 + (i + colour + 1) % 2
                for j in range(start, nx - 1, 2):
                    resid = (p[i + 1, j] + p[i - 1, j] + p[i, j + 1] + p[i, j - 1]
                             - 4 * p[i, j] - h * h * f[i, j])
                    p[i, j] += omega * 0.25 * resid
        # zero slope at the top
        p[-1, 1:-1] = p[-2, 1:-1]
    return 100 * (p * p).sum() - (p * f).sum()


# Adams-Bashforth-Moulton of order four, started by Runge-Kutta.
@case(lambda rng: (near(rng, 0.9, 0.4), near(rng, 2.0, 0.3)), argnums=(0, 1), long=True)
def predictor_corrector(y0, p):
    def rhs(t, y):
        dy = np.zeros(2)
        dy[0] = y[1]
        dy[1] = -p[0] * np.sin(y[0]) - p[1] * y[1] + 0.1 * np.cos(t)
        return dy

    h = 0.1
    t = 0.0
    y = y0
    fs = []
    for i in range(3):
        fs.append(rhs(t, y))
        k1 = rhs(t, y)
        k2 = rhs(t + h / 2, y + h / 2 * k1)
        k3 = rhs(t + h / 2, y + h / 2 * k2)
        k4 = rhs(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        t += h
    fs.append(rhs(t, y))
    for i in range(4):
        f0, f1, f2, f3 = fs[-4:]
        pred = y + h / 24 * (55 * f3 - 59 * f2 + 37 * f1 - 9 * f0)
        fp = rhs(t + h, pred)
        y = y + h / 24 * (9 * fp + 19 * f3 - 5 * f2 + f1)
        t += h
        fs.append(rhs(t, y))
    return y[0] ** 2 + 0.5 * y[1] ** 2


# A truss of bars by finite elements: assembly by element, supports, solve, stress.
@case(
    lambda rng: (
        near(rng, [0, 0], [1, 0], [2, 0], [1, 1]),
        near(rng, 1.0, 2.0, 1.5, 1.2, 0.8),
    ),
    argnums=(0, 1),
    long=True,
)
def plane_truss(nodes, areas, E=200.0):
    elements = [(0, 1), (1, 2), (0, 3), (1, 3), (2, 3)]
    ndof = 2 * len(nodes)
    K = np.zeros((ndof, ndof))
    for e, (i, j) in enumerate(elements):
        dx, dy = nodes[j] - nodes[i]
        L = np.hypot(dx, dy)
        c, s = dx / L, dy / L
        ke = E * areas[e] / L * np.array([
            [c * c, c * s, -c * c, -c * s],
            [c * s, s * s, -c * s, -s * s],
            [-c * c, -c * s, c * c, c * s],
            [-c * s, -s * s, c * s, s * s],
        ])
        dof = [2 * i, 2 * i + 1, 2 * j, 2 * j + 1]
        for a in range(4):
            for b in range(4):
                K[dof[a], dof[b]] += ke[a, b]
    F = np.zeros(ndof)
    F[7] = -10.0
    F[6] = 3.0
    free = [d for d in range(ndof) if d not in (0, 1, 5)]
    u = np.zeros(ndof)
    u[free] = np.linalg.solve(K[np.ix_(free, free)], F[free])
    worst = 0.0
    for e, (i, j) in enumerate(elements):
        d = nodes[j] - nodes[i]
        L = np.sqrt(d @ d)
        strain = (d @ (u[2 * j : 2 * j + 2] - u[2 * i : 2 * i + 2])) / L ** 2
        worst += (E * strain) ** 2 * areas[e] * L
    return worst / (2 * E) + F @ u


# Lattice Boltzmann on nine velocities: collide, stream by rolling, bounce back.
@case(
    lambda rng: (near(rng, *[[1.0, 1.1, 0.9, 1.05]] * 3), 0.8),
    argnums=(0, 1),
    long=True,
)
def lattice_boltzmann(rho0, tau, steps=2):
    cx = np.array([0, 1, 0, -1, 0, 1, -1, -1, 1])
    cy = np.array([0, 0, 1, 0, -1, 1, 1, -1, -1])
    w = np.array([4 / 9] + [1 / 9] * 4 + [1 / 36] * 4)
    opposite = [0, 3, 4, 1, 2, 7, 8, 5, 6]
    ny, nx = rho0.shape
    solid = np.zeros((ny, nx), dtype=bool)
    solid[0, :] = True
    F = w[:, None, None] * rho0[None, :, :]
    for it in range(steps):
        for i in range(9):
            F[i] = np.roll(F[i], cx[i], axis=1)
            F[i] = np.roll(F[i], cy[i], axis=0)
        bounced = F[:, solid]
        bounced = bounced[opposite, :]
        rho = F.sum(axis=0)
        ux = (F * cx[:, None, None]).sum(axis=0) / rho + 0.05
        uy = (F * cy[:, None, None]).sum(axis=0) / rho
        Feq = np.zeros_like(F)
        for i in range(9):
            cu = 3 * (cx[i] * ux + cy[i] * uy)
            Feq[i] = rho * w[i] * (1 + cu + 0.5 * cu ** 2 - 1.5 * (ux ** 2 + uy ** 2))
        F += -(1.0 / tau) * (F - Feq)
        F[:, solid] = bounced
    vorticity = (np.roll(ux, -1, axis=0) - np.roll(ux, 1, axis=0)) - (
        np.roll(uy, -1, axis=1) - np.roll(uy, 1, axis=1)
    )
    return (vorticity ** 2).sum() + (F[1] * F[3]).sum()


def arnoldi(A, b, n, eps=1e-12):
    h = np.zeros((n + 1, n))
    Q = np.zeros((A.shape[0], n + 1))
    Q[:, 0] = b / np.linalg.norm(b, 2)
    for k in range(1, n + 1):
        v = np.dot(A, Q[:, k - 1])
        for j in range(k):
            h[j, k - 1] = np.dot(Q[:, j].conj(), v)
            v = v - h[j, k - 1] * Q[:, j]
        h[k, k - 1] = np.linalg.norm(v, 2)
        if h[k, k - 1] > eps:
            Q[:, k] = v / h[k, k - 1]
        else:
            return Q, h
    return Q, h


# Krylov's space by Arnoldi, as an encyclopaedia gives it.
@case(lambda rng: (matrix(rng, 5), rng.normal(size=5)), argnums=(0, 1))
def krylov_square(A, b):
    Q, h = arnoldi(A, b, 3)
    H = h[:-1]
    y = Q[:, :-1] @ np.linalg.matrix_power(H, 2)[:, 0] * np.linalg.norm(b)
    return np.trace(H) + h[-1, -1] + y.sum()


def relax(u, f, h, sweeps):
    for _ in range(sweeps):
        for i in range(1, len(u) - 1):
            u[i] = 0.5 * (u[i - 1] + u[i + 1] + h * h * f[i])
    return u


def residual(u, f, h):
    r = np.zeros_like(u)
    r[1:-1] = f[1:-1] + (u[2:] - 2 * u[1:-1] + u[:-2]) / h ** 2
    return r


def v_cycle(u, f, h):
    if len(u) <= 3:
        u[1] = 0.5 * (u[0] + u[2] + h ** 2 * f[1])
        return u
    u = relax(u, f, h, 2)
    r = residual(u, f, h)
    coarse = np.zeros((len(u) - 1) // 2 + 1)
    for i in range(1, len(coarse) - 1):
        coarse[i] = 0.25 * (r[2 * i - 1] + 2 * r[2 * i] + r[2 * i + 1])
    e = v_cycle(np.zeros_like(coarse), coarse, 2 * h)
    u[::2] += e
    u[1::2] += 0.5 * (e[:-1] + e[1:])
    return relax(u, f, h, 1)


# Multigrid: a cycle calls itself on half the points until three are left.
@case(lambda rng: (rng.normal(size=9), rng.normal(size=9)), argnums=(0, 1), long=True)
def multigrid(u0, f, cycles=2):
    h = 1.0 / (len(f) - 1)
    u = u0.copy()
    u[0] = u[-1] = 0
    left = []
    for _ in range(cycles):
        u = v_cycle(u, f, h)
        left.append(np.linalg.norm(residual(u, f, h)) * np.sqrt(h))
    return u.sum() + left[-1]
