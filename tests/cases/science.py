"""Programs of physics, geometry, finance and networks, as people write them."""

import math

import numpy as np
from numpy import cos, exp, sin, sqrt

from tests.cases import case
from tests.cases.inputs import near, positive


def lotka_volterra(y, p):
    a, b, c, d = p
    return np.array([a * y[0] - b * y[0] * y[1], -c * y[1] + d * y[0] * y[1]])


# Runge-Kutta of order four on a system of two.
@case(
    lambda rng: (near(rng, 1.0, 0.8), near(rng, 1.1, 0.4, 0.9, 0.3), 0.1, 8),
    argnums=(0, 1, 2),
    sample=True,
)
def runge_kutta_four(y0, p, h, steps):
    y = y0
    for _ in range(steps):
        k1 = lotka_volterra(y, p)
        k2 = lotka_volterra(y + 0.5 * h * k1, p)
        k3 = lotka_volterra(y + 0.5 * h * k2, p)
        k4 = lotka_volterra(y + h * k3, p)
        y = y + h / 6.0 * (k1 + 2 * k2 + 2 * k3 + k4)
    return y[0] ** 2 + y[1]


# Leapfrog for a pendulum, energy drift as the loss; scalars only.
@case(lambda rng: (near(rng, 0.9)[0], near(rng, 0.2)[0]), argnums=(0, 1))
def pendulum_leapfrog(theta, omega):
    start = 0.5 * omega**2 - math.cos(theta)
    for _ in range(20):
        omega -= 0.05 * math.sin(theta)
        theta += 0.1 * omega
        omega -= 0.05 * math.sin(theta)
    end = 0.5 * omega**2 - math.cos(theta)
    return end - start + 0.1 * theta


# A step size that adapts to the error: accepted and rejected steps.
@case(lambda rng: (near(rng, 0.7)[0], near(rng, 1.3)[0]), argnums=(0, 1))
def adaptive_euler(y, rate):
    t = 0.0
    h = 0.25
    tries = 0
    while t < 0.99 and tries < 60:
        tries += 1
        big = y - h * rate * y * y
        half = y - 0.5 * h * rate * y * y
        small = half - 0.5 * h * rate * half * half
        if abs(big - small) > 0.0035:
            h *= 0.5
            continue
        y = 2.0 * small - big
        t += h
        if h < 0.2:
            h *= 1.1
    return y * y


# Burgers' equation by slices.
@case(lambda rng: (near(rng, 0.1, 0.5, 1.0, 0.7, 0.4, 0.2, 0.1),))
def burgers(u):
    dt, dx, nu = 0.05, 0.2, 0.07
    for _ in range(5):
        u[1:-1] = (
            u[1:-1]
            - dt / dx * u[1:-1] * (u[1:-1] - u[:-2])
            + nu * dt / dx**2 * (u[2:] - 2 * u[1:-1] + u[:-2])
        )
        u[0] = u[-2]
        u[-1] = u[1]
    return (u * u).sum()


# Heat in a plate with a conductivity that depends on place; two buffers.
@case(lambda rng: (rng.normal(size=(5, 5)), positive(rng, 5, 5) * 0.1), argnums=(0, 1))
def heat_in_a_plate(T, k):
    new = T.copy()
    for _ in range(3):
        new[1:-1, 1:-1] = T[1:-1, 1:-1] + k[1:-1, 1:-1] * (
            T[2:, 1:-1] + T[:-2, 1:-1] + T[1:-1, 2:] + T[1:-1, :-2] - 4 * T[1:-1, 1:-1]
        )
        T, new = new, T
    return (T * T).mean()


# Wave equation with three time levels that rotate.
@case(lambda rng: (rng.normal(size=8), near(rng, 0.4)[0]), argnums=(0, 1))
def wave_equation(u, c):
    past = u.copy()
    now = u * 1.0
    following = np.zeros(8)
    for _ in range(5):
        for i in range(1, 7):
            bend = now[i + 1] - 2.0 * now[i] + now[i - 1]
            following[i] = 2.0 * now[i] - past[i] + c * c * bend
        past, now, following = now, following, past
    return (now * now).sum() + past[3]


# Lennard-Jones pair potential with a cut-off.
@case(
    lambda rng: (
        near(rng, [0.0, 0, 0], [1.1, 0, 0.2], [0.3, 1.2, 0], [2.9, 2.8, 2.7]),
        near(rng, 1.0)[0],
    ),
    argnums=(0, 1),
)
def lennard_jones(positions, sigma):
    n = positions.shape[0]
    energy = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            d = positions[i] - positions[j]
            r2 = np.dot(d, d)
            if r2 > 6.25:
                continue
            s6 = (sigma * sigma / r2) ** 3
            energy += 4.0 * (s6 * s6 - s6)
    return energy


# Gravity with forces accumulated by Newton's third law.
@case(
    lambda rng: (
        near(rng, [0.0, 0.0], [2.0, 0.3], [-1.0, 1.5]),
        near(rng, [0.0, 0.1], [0.3, 0.4], [-0.4, 0.0]),
        positive(rng, 3),
    ),
    argnums=(0, 1, 2),
)
def three_bodies(pos, vel, mass):
    force = np.zeros((3, 2))
    for _ in range(3):
        force[:] = 0.0
        for i in range(3):
            for j in range(i):
                d = pos[j] - pos[i]
                f = mass[i] * mass[j] * d / (d @ d + 0.05) ** 1.5
                force[i] += f
                force[j] -= f
        vel += 0.1 * force / mass[:, None]
        pos += 0.1 * vel
    return 0.5 * (mass[:, None] * vel**2).sum() + pos[0, 0]


@case(
    lambda rng: (near(rng, 100.0)[0], near(rng, 0.25)[0], near(rng, 0.03)[0]),
    argnums=(0, 1, 2),
)
def black_scholes_call(spot, vol, rate, strike=95.0, years=0.75):
    def normal_cdf(v):
        k = 1.0 / (1.0 + 0.2316419 * abs(v))
        poly = k * (0.319381530 + k * (-0.356563782 + k * (1.781477937 - k * 1.2)))
        tail = math.exp(-0.5 * v * v) / math.sqrt(2.0 * math.pi) * poly
        return 1.0 - tail if v >= 0 else tail

    width = vol * math.sqrt(years)
    d1 = (math.log(spot / strike) + (rate + 0.5 * vol * vol) * years) / width
    d2 = d1 - width
    return spot * normal_cdf(d1) - strike * math.exp(-rate * years) * normal_cdf(d2)


# An American put by backward induction in one array.
@case(lambda rng: (near(rng, 10.0)[0], near(rng, 0.3)[0]), argnums=(0, 1))
def american_put_binomial(spot, vol):
    n, strike, rate, dt = 6, 10.45, 0.02, 0.1
    up = exp(vol * sqrt(dt))
    p = (exp(rate * dt) - 1 / up) / (up - 1 / up)
    values = np.zeros(n + 1)
    for i in range(n + 1):
        values[i] = max(strike - spot * up ** (2 * i - n), 0.0)
    for step in range(n - 1, -1, -1):
        for i in range(step + 1):
            hold = exp(-rate * dt) * (p * values[i + 1] + (1 - p) * values[i])
            now = strike - spot * up ** (2 * i - step)
            values[i] = hold if hold > now else now
    return values[0]


# The cash flows of a bond, its yield by Newton.
@case(lambda rng: (near(rng, 97.0)[0], near(rng, 4.5)[0]), argnums=(0, 1))
def yield_of_a_bond(price, coupon):
    y = 0.04
    for _ in range(50):
        value = 0.0
        slope = 0.0
        for t in range(1, 6):
            flow = coupon + (100.0 if t == 5 else 0.0)
            value += flow / (1.0 + y) ** t
            slope -= t * flow / (1.0 + y) ** (t + 1)
        step = (value - price) / slope
        y -= step
        if abs(step) < 1e-12:
            break
    return 100.0 * y


# PageRank by power iteration, out-links normalised in place.
@case(lambda rng: (positive(rng, 4, 4), near(rng, 0.85)[0]), argnums=(0, 1))
def pagerank(links, damping):
    n = len(links)
    for j in range(n):
        links[j, j] = 0.0
        col = links[:, j]
        col /= col.sum()
    rank = np.full(n, 1.0 / n)
    for _ in range(6):
        rank = damping * links @ rank + (1.0 - damping) / n
    return (rank * np.arange(1.0, n + 1)).sum()


# Bundle adjustment: a point turned by Rodrigues' formula and seen with distortion.
@case(
    lambda rng: (
        near(rng, 0.2, -0.1, 0.3, 0.1, 0.2, 0.5, 1.1, 0.05, -0.02),
        near(rng, [0.3, 0.2, 4.0], [-0.5, 0.4, 5.0]),
    ),
    argnums=(0, 1),
)
def bundle_adjustment_projection(camera, points):
    w, t, f, k1, k2 = camera[:3], camera[3:6], camera[6], camera[7], camera[8]
    theta = sqrt((w * w).sum())
    axis = w / theta
    error = 0.0
    for p in points:
        cross = np.array(
            [
                axis[1] * p[2] - axis[2] * p[1],
                axis[2] * p[0] - axis[0] * p[2],
                axis[0] * p[1] - axis[1] * p[0],
            ]
        )
        turned = p * cos(theta) + cross * sin(theta)
        q = turned + axis * (axis @ p) * (1 - cos(theta)) + t
        x, y = q[0] / q[2], q[1] / q[2]
        r2 = x * x + y * y
        scale = f * (1.0 + k1 * r2 + k2 * r2 * r2)
        error += (scale * x - 0.1) ** 2 + (scale * y - 0.05) ** 2
    return error


@case(
    lambda rng: (
        rng.normal(size=(4, 5)),
        near(rng, 0.3, 1.6, 2.45),
        near(rng, 3.4, 0.7, 2.2),
    ),
    argnums=(0, 1, 2),
)
def bilinear_interpolation(image, rows, cols):
    s = 0.0
    for r, c in zip(rows, cols):
        i, j = int(r), int(c)
        fr, fc = r - i, c - j
        top = image[i, j] * (1 - fc) + image[i, j + 1] * fc
        bottom = image[i + 1, j] * (1 - fc) + image[i + 1, j + 1] * fc
        s += (top * (1 - fr) + bottom * fr) ** 2
    return s


# A ray marches to a sphere and is shaded where it hits.
@case(lambda rng: (near(rng, 0.1, -0.2), near(rng, 0.2, 0.1, 3.0)), argnums=(0, 1))
def ray_march(direction, centre):
    d = np.array([direction[0], direction[1], 1.0])
    d /= np.linalg.norm(d)
    t = 0.0
    for _ in range(300):
        gap = np.linalg.norm(t * d - centre) - 1.0
        if gap < 1e-12:
            break
        t += gap
    normal = t * d - centre
    light = np.array([0.3, -0.8, -0.52])
    shade = max(0.0, normal @ light)
    return 0.1 + shade + 0.01 * t


@case(
    lambda rng: (near(rng, 48.1, 11.6), near(rng, 40.7, -74.0)),
    argnums=(0, 1),
)
def haversine_distance(here, there):
    lat1, lon1 = math.radians(here[0]), math.radians(here[1])
    lat2, lon2 = math.radians(there[0]), math.radians(there[1])
    a = math.sin((lat2 - lat1) / 2) ** 2
    a += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(a))


# A robot arm: the end point of a chain of turned links.
@case(lambda rng: (near(rng, 0.4, -0.7, 0.9), positive(rng, 3)), argnums=(0, 1))
def robot_arm(angles, lengths):
    T = np.eye(3)
    for a, length in zip(angles, lengths):
        step = np.eye(3)
        step[0, 0] = step[1, 1] = cos(a)
        step[0, 1] = -sin(a)
        step[1, 0] = sin(a)
        step[:2, 2] = length * np.array([cos(a), sin(a)])
        T = T @ step
    return (T[0, 2] - 1.0) ** 2 + (T[1, 2] - 0.5) ** 2


# Snell's law through layers; total reflection ends the path.
@case(lambda rng: (near(rng, 0.5)[0], near(rng, 1.0, 1.4, 1.2, 0.6)), argnums=(0, 1))
def light_through_layers(angle, index):
    x = 0.0
    for i in range(len(index) - 1):
        x += math.tan(angle)
        s = math.sin(angle) * index[i] / index[i + 1]
        if s >= 0.75:
            x += 0.1 * s
            break
        angle = math.asin(s)
    return x * x


# Kepler's equation by Newton, then the position on the orbit.
@case(lambda rng: (near(rng, 1.3)[0], near(rng, 0.4)[0]), argnums=(0, 1))
def kepler_orbit(mean_anomaly, ecc):
    E = mean_anomaly
    for _ in range(10):
        f = E - ecc * math.sin(E) - mean_anomaly
        E = E - f / (1.0 - ecc * math.cos(E))
    x = math.cos(E) - ecc
    y = math.sqrt(1.0 - ecc**2) * math.sin(E)
    return math.atan2(y, x) + x * y


# A neuron that fires and is reset: the threshold decides, the input is active.
@case(lambda rng: (near(rng, 1.4, 1.7, 1.1, 0.9, 1.6, 1.2), near(rng, 0.8)[0]))
def integrate_and_fire(current, leak):
    v = 0.0
    spikes = 0
    refractory = 0
    area = 0.0
    for i in current:
        if refractory > 0:
            refractory -= 1
            continue
        v = leak * v + 0.6 * i
        if v > 1.35:
            area += v * v
            v = 0.1 * i
            spikes += 1
            refractory = 1
    return area + v + spikes * current[0]


# Shortest paths by relaxation of edges until nothing changes (Bellman-Ford).
@case(lambda rng: (near(rng, 4.0, 1.0, 2.0, 5.0, 1.5, 3.0),))
def shortest_path(length):
    edges = [(0, 1), (0, 2), (2, 1), (1, 3), (2, 3), (3, 4)]
    dist = np.full(5, 1e6)
    dist[0] = 0.0
    changed = True
    while changed:
        changed = False
        for k, (u, v) in enumerate(edges):
            if dist[u] + length[k] < dist[v]:
                dist[v] = dist[u] + length[k]
                changed = True
    return dist[4] ** 2 + dist[1]
