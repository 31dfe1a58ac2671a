"""Ten loops over numbers, the kind that array libraries cannot express."""

import math

import numpy as np

from benchmarks.program import Arguments, Array, Program


def rk4(angle: float, speed: float, k: float, dt: float, steps: int) -> float:
    """Let a damped pendulum swing by Runge and Kutta's method."""
    total = 0.0
    for _ in range(steps):
        a1, s1 = speed, -k * math.sin(angle) - 0.1 * speed
        a2 = speed + 0.5 * dt * s1
        s2 = -k * math.sin(angle + 0.5 * dt * a1) - 0.1 * a2
        a3 = speed + 0.5 * dt * s2
        s3 = -k * math.sin(angle + 0.5 * dt * a2) - 0.1 * a3
        a4 = speed + dt * s3
        s4 = -k * math.sin(angle + dt * a3) - 0.1 * a4
        angle += dt / 6.0 * (a1 + 2.0 * a2 + 2.0 * a3 + a4)
        speed += dt / 6.0 * (s1 + 2.0 * s2 + 2.0 * s3 + s4)
        total += speed * speed * dt
    return total


def kalman(seen: Array, dt: float, drift: float, noise: float) -> float:
    """Return the log-likelihood of a constant-velocity Kalman filter."""
    x, v = 0.0, 0.0
    pxx, pxv, pvv = 1.0, 0.0, 1.0
    total = 0.0
    for t in range(seen.shape[0]):
        x = x + dt * v
        pxx = pxx + dt * (2.0 * pxv + dt * pvv) + drift * dt * dt * dt / 3.0
        pxv = pxv + dt * pvv + drift * dt * dt / 2.0
        pvv = pvv + drift * dt
        spread = pxx + noise
        error = seen[t] - x
        gain_x, gain_v = pxx / spread, pxv / spread
        x = x + gain_x * error
        v = v + gain_v * error
        pvv = pvv - gain_v * pxv
        pxv = (1.0 - gain_x) * pxv
        pxx = (1.0 - gain_x) * pxx
        total -= 0.5 * (math.log(2.0 * math.pi * spread) + error * error / spread)
    return total


def hmm(start: Array, moves: Array, emits: Array) -> float:
    """Return a hidden Markov model's log-likelihood by the scaled forward algorithm."""
    steps, states = emits.shape
    now, then = start * emits[0], np.empty(states)
    total = 0.0
    for t in range(1, steps):
        scale = 0.0
        for j in range(states):
            p = 0.0
            for i in range(states):
                p += now[i] * moves[i, j]
            then[j] = p * emits[t, j]
            scale += then[j]
        for j in range(states):
            now[j] = then[j] / scale
        total += math.log(scale)
    return total


def soft_dtw(x: Array, y: Array, gamma: float) -> float:
    """Return the soft alignment cost of two series."""
    n, m = x.shape[0], y.shape[0]
    r = np.full((n + 1, m + 1), 1e10)
    r[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            a, b, c = r[i - 1, j], r[i, j - 1], r[i - 1, j - 1]
            least = min(a, b, c)
            total = (
                math.exp((least - a) / gamma) + math.exp((least - b) / gamma)
                + math.exp((least - c) / gamma)
            )  # fmt: skip
            cost = (x[i - 1] - y[j - 1]) ** 2
            r[i, j] = cost + least - gamma * math.log(total)
    return r[n, m]


def option(spot: float, strike: float, rate: float, sigma: float, z: Array) -> float:
    """Return an Asian call's price over paths of given normals."""
    paths, steps = z.shape
    dt = 1.0 / steps
    total = 0.0
    for i in range(paths):
        price, mean = spot, 0.0
        for j in range(steps):
            price *= math.exp(
                (rate - 0.5 * sigma * sigma) * dt + sigma * math.sqrt(dt) * z[i, j]
            )
            mean += price
        mean /= steps
        if mean > strike:
            total += mean - strike
    return math.exp(-rate) * total / paths


def ray_march(spheres: Array, radii: Array, light: Array, pixels: int) -> float:
    """Return the brightness of spheres: rays step until they are near enough."""
    total = 0.0
    for row in range(pixels):
        for column in range(pixels):
            dx, dy, dz = column / pixels - 0.5, row / pixels - 0.5, 1.0
            length = math.sqrt(dx * dx + dy * dy + dz * dz)
            dx, dy, dz = dx / length, dy / length, dz / length
            t = 0.0
            nearest = 0
            for _ in range(60):
                gap = 1e9
                for s in range(radii.shape[0]):
                    ox = t * dx - spheres[s, 0]
                    oy = t * dy - spheres[s, 1]
                    oz = t * dz - spheres[s, 2]
                    away = math.sqrt(ox * ox + oy * oy + oz * oz) - radii[s]
                    if away < gap:
                        gap, nearest = away, s
                t += gap
                if gap < 1e-4 or t > 20.0:
                    break
            if t < 20.0:
                nx = (t * dx - spheres[nearest, 0]) / radii[nearest]
                ny = (t * dy - spheres[nearest, 1]) / radii[nearest]
                nz = (t * dz - spheres[nearest, 2]) / radii[nearest]
                shade = nx * light[0] + ny * light[1] + nz * light[2]
                if shade > 0.0:
                    total += shade * shade
    return total / (pixels * pixels)


def newton(a: Array) -> float:
    """Sum square roots found by Newton's method: trip counts depend on the data."""
    total = 0.0
    for i in range(a.shape[0]):
        x = a[i]
        while abs(x * x - a[i]) > 1e-12 * a[i]:
            x = 0.5 * (x + a[i] / x)
        total += x
    return total


def logistic(r: float, x: float, steps: int) -> float:
    """Iterate the logistic map: dependent steps of two multiplications."""
    for _ in range(steps):
        x = r * x * (1.0 - x)
    return x


def n_body(
    place: Array, speed: Array, mass: Array, dt: float, steps: int
) -> float:  # fmt: skip
    """Let bodies fall towards each other by leapfrog; return their kinetic energy."""
    n = mass.shape[0]
    force = np.zeros((n, 3))
    for _ in range(steps):
        force[:] = 0.0
        for i in range(n):
            for j in range(i):
                dx = place[i, 0] - place[j, 0]
                dy = place[i, 1] - place[j, 1]
                dz = place[i, 2] - place[j, 2]
                square = dx * dx + dy * dy + dz * dz + 0.01
                pull = 1.0 / (square * math.sqrt(square))
                force[i, 0] -= dx * pull * mass[j]
                force[i, 1] -= dy * pull * mass[j]
                force[i, 2] -= dz * pull * mass[j]
                force[j, 0] += dx * pull * mass[i]
                force[j, 1] += dy * pull * mass[i]
                force[j, 2] += dz * pull * mass[i]
        for i in range(n):
            for k in range(3):
                speed[i, k] += dt * force[i, k]
                place[i, k] += dt * speed[i, k]
    energy = 0.0
    for i in range(n):
        for k in range(3):
            energy += 0.5 * mass[i] * speed[i, k] * speed[i, k]
    return energy


def thomas(lower: Array, diagonal: Array, upper: Array, right: Array) -> float:
    """Solve a tridiagonal system in place."""
    n = right.shape[0]
    for i in range(1, n):
        w = lower[i] / diagonal[i - 1]
        diagonal[i] -= w * upper[i - 1]
        right[i] -= w * right[i - 1]
    right[n - 1] /= diagonal[n - 1]
    for i in range(n - 2, -1, -1):
        right[i] = (right[i] - upper[i] * right[i + 1]) / diagonal[i]
    total = 0.0
    for i in range(n):
        total += right[i] * right[i]
    return total


def _pendulum(rng: np.random.Generator, n: int) -> Arguments:
    return 1.0, 0.1, 9.81, 0.001, n


def _track(rng: np.random.Generator, n: int) -> Arguments:
    return np.cumsum(rng.normal(size=n)), 0.1, 0.5, 0.2


def _chain(rng: np.random.Generator, n: int) -> Arguments:
    states = 8 if n > 50 else 3
    moves = rng.uniform(size=(states, states))
    moves /= moves.sum(axis=1, keepdims=True)
    return np.full(states, 1.0 / states), moves, rng.uniform(size=(n, states))


def _series(rng: np.random.Generator, n: int) -> Arguments:
    return rng.normal(size=n), rng.normal(size=n + 2), 0.5


def _market(rng: np.random.Generator, n: int) -> Arguments:
    return 100.0, 100.0, 0.03, 0.2, rng.normal(size=(n, 32 if n > 50 else 3))


def _stage(rng: np.random.Generator, n: int) -> Arguments:
    spheres = rng.uniform(-1.0, 1.0, (5, 3)) + np.array([0.0, 0.0, 4.0])
    return spheres, rng.uniform(0.3, 0.6, 5), np.array([0.5, 0.5, -0.7]), n


def _positives(rng: np.random.Generator, n: int) -> Arguments:
    return (rng.uniform(0.5, 100.0, n),)


def _map(rng: np.random.Generator, n: int) -> Arguments:
    return 3.5, 0.3, n


def _bodies(rng: np.random.Generator, n: int) -> Arguments:
    place, speed = rng.normal(size=(2, n, 3))
    return place, 0.1 * speed, rng.uniform(0.5, 1.0, n), 0.01, 50 if n > 10 else 3


def _tridiagonal(rng: np.random.Generator, n: int) -> Arguments:
    lower, upper, right = rng.uniform(size=(3, n))
    return lower, rng.uniform(2.5, 3.0, n), upper, right


PROGRAMS = [
    Program(rk4, _pendulum, (0, 1, 2, 3), 20_000, 10),
    Program(kalman, _track, (1, 2, 3), 50_000, 8),
    Program(hmm, _chain, (0, 1, 2), 5_000, 6),
    Program(soft_dtw, _series, (0, 1, 2), 150, 5),
    Program(option, _market, (0, 1, 2, 3), 4_000, 6),
    Program(ray_march, _stage, (0, 1, 2), 48, 6),
    Program(newton, _positives, (0,), 20_000, 5),
    Program(logistic, _map, (0, 1), 500_000, 9),
    Program(n_body, _bodies, (0, 1, 2), 30, 4),
    Program(thomas, _tridiagonal, (0, 1, 2, 3), 100_000, 6),
]
