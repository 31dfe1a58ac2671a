"""By hand: loops over numbers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,misc"

import math

import numpy as np

from benchmarks.hand.compiled import by_hand, exp


@by_hand
def rk4(angle, speed, k, dt, steps):
    """The state and the four sines of each step are kept."""
    tape = np.empty((steps, 6))
    x, v, total = angle, speed, 0.0
    for t in range(steps):
        tape[t, 0], tape[t, 1] = x, v
        f1 = math.sin(x)
        s1 = -k * f1 - 0.1 * v
        a2 = v + 0.5 * dt * s1
        f2 = math.sin(x + 0.5 * dt * v)
        s2 = -k * f2 - 0.1 * a2
        a3 = v + 0.5 * dt * s2
        f3 = math.sin(x + 0.5 * dt * a2)
        s3 = -k * f3 - 0.1 * a3
        a4 = v + dt * s3
        f4 = math.sin(x + dt * a3)
        s4 = -k * f4 - 0.1 * a4
        tape[t, 2], tape[t, 3], tape[t, 4], tape[t, 5] = f1, f2, f3, f4
        x += dt / 6.0 * (v + 2.0 * a2 + 2.0 * a3 + a4)
        v += dt / 6.0 * (s1 + 2.0 * s2 + 2.0 * s3 + s4)
        total += v * v * dt
    gx = gv = gk = gdt = 0.0
    h = dt / 6.0
    for t in range(steps - 1, -1, -1):
        gv += 2.0 * v * dt
        gdt += v * v
        x, v = tape[t, 0], tape[t, 1]
        f1, f2, f3, f4 = tape[t, 2], tape[t, 3], tape[t, 4], tape[t, 5]
        s1 = -k * f1 - 0.1 * v
        a2 = v + 0.5 * dt * s1
        s2 = -k * f2 - 0.1 * a2
        a3 = v + 0.5 * dt * s2
        s3 = -k * f3 - 0.1 * a3
        a4 = v + dt * s3
        s4 = -k * f4 - 0.1 * a4
        gdt += gx * (v + 2.0 * a2 + 2.0 * a3 + a4) / 6.0
        gdt += gv * (s1 + 2.0 * s2 + 2.0 * s3 + s4) / 6.0
        ga1, gs1 = h * gx, h * gv
        ga2, ga3, ga4 = 2.0 * ga1, 2.0 * ga1, ga1
        gs2, gs3, gs4 = 2.0 * gs1, 2.0 * gs1, gs1
        ga4 -= 0.1 * gs4
        gp = -k * gs4 * math.cos(x + dt * a3)
        gx += gp
        ga3 += dt * gp
        gv += ga4
        gs3 += dt * ga4
        gdt += a3 * gp + s3 * ga4
        ga3 -= 0.1 * gs3
        gp = -k * gs3 * math.cos(x + 0.5 * dt * a2)
        gx += gp
        ga2 += 0.5 * dt * gp
        gv += ga3
        gs2 += 0.5 * dt * ga3
        gdt += 0.5 * (a2 * gp + s2 * ga3)
        ga2 -= 0.1 * gs2
        gp = -k * gs2 * math.cos(x + 0.5 * dt * v)
        gx += gp
        ga1 += 0.5 * dt * gp
        gv += ga2
        gs1 += 0.5 * dt * ga2
        gdt += 0.5 * (v * gp + s1 * ga2)
        gk -= gs1 * f1 + gs2 * f2 + gs3 * f3 + gs4 * f4
        gx -= k * gs1 * math.cos(x)
        gv += ga1 - 0.1 * gs1
    return total, (gx, gv, gk, gdt)


@by_hand
def kalman(seen, dt, drift, noise):
    """The five numbers of the state are kept; quotients are computed again."""
    n = seen.shape[0]
    tape = np.empty((n, 5))
    x = v = pxv = total = 0.0
    pxx = pvv = 1.0
    for t in range(n):
        tape[t, 0], tape[t, 1], tape[t, 2], tape[t, 3], tape[t, 4] = x, v, pxx, pxv, pvv
        x = x + dt * v
        pxx = pxx + dt * (2.0 * pxv + dt * pvv) + drift * dt * dt * dt / 3.0
        pxv = pxv + dt * pvv + drift * dt * dt / 2.0
        pvv = pvv + drift * dt
        spread = pxx + noise
        error = seen[t] - x
        kx, kv = pxx / spread, pxv / spread
        x = x + kx * error
        v = v + kv * error
        pvv = pvv - kv * pxv
        pxv = (1.0 - kx) * pxv
        pxx = (1.0 - kx) * pxx
        total -= 0.5 * (math.log(2.0 * math.pi * spread) + error * error / spread)
    gx = gv = g1 = g2 = g3 = gdt = gdrift = gnoise = 0.0
    for t in range(n - 1, -1, -1):
        x, v, pxx, pxv, pvv = tape[t, 0], tape[t, 1], tape[t, 2], tape[t, 3], tape[t, 4]
        q1 = pxx + dt * (2.0 * pxv + dt * pvv) + drift * dt * dt * dt / 3.0
        q2 = pxv + dt * pvv + drift * dt * dt / 2.0
        error = seen[t] - (x + dt * v)
        share = 1.0 / (q1 + noise)
        kx, kv, scaled = q1 * share, q2 * share, error * share
        gkx = error * gx - q1 * g1 - q2 * g2
        gkv = error * gv - q2 * g3
        gspread = -0.5 * (share - scaled * scaled) - (gkx * kx + gkv * kv) * share
        gx -= kx * gx + kv * gv - scaled
        gq1 = (1.0 - kx) * g1 + gkx * share + gspread
        gq2 = (1.0 - kx) * g2 - kv * g3 + gkv * share
        gnoise += gspread
        gdrift += dt * (g3 + dt * (0.5 * gq2 + dt / 3.0 * gq1))
        gdt += drift * g3 + (pvv + drift * dt) * gq2 + v * gx
        gdt += (2.0 * pxv + 2.0 * dt * pvv + drift * dt * dt) * gq1
        gv += dt * gx
        g1 = gq1
        g3 += dt * (gq2 + dt * gq1)
        g2 = gq2 + 2.0 * dt * gq1
    return total, (gdt, gdrift, gnoise)


@by_hand
def hmm(start, moves, emits):
    """The scaled probabilities, the sums before emission and the scales are kept."""
    steps, states = emits.shape
    nows, sums, scales = (
        np.empty((steps, states)),
        np.empty((steps, states)),
        np.empty(steps),
    )
    for j in range(states):
        nows[0, j] = start[j] * emits[0, j]
    total = 0.0
    for t in range(1, steps):
        sums[t, :] = 0.0
        for i in range(states):
            p = nows[t - 1, i]
            for j in range(states):
                sums[t, j] += p * moves[i, j]
        scale = 0.0
        for j in range(states):
            scale += sums[t, j] * emits[t, j]
        for j in range(states):
            nows[t, j] = sums[t, j] * emits[t, j] / scale
        scales[t] = scale
        total += math.log(scale)
    d_start, d_moves = np.empty(states), np.zeros((states, states))
    d_emits, g, gp = np.empty((steps, states)), np.zeros(states), np.empty(states)
    for t in range(steps - 1, 0, -1):
        share = 1.0 / scales[t]
        gscale = 1.0
        for j in range(states):
            gscale -= g[j] * nows[t, j]
        for j in range(states):
            gthen = (g[j] + gscale) * share
            d_emits[t, j] = gthen * sums[t, j]
            gp[j] = gthen * emits[t, j]
        for i in range(states):
            p, s = nows[t - 1, i], 0.0
            for j in range(states):
                d_moves[i, j] += p * gp[j]
                s += moves[i, j] * gp[j]
            g[i] = s
    for j in range(states):
        d_start[j], d_emits[0, j] = g[j] * emits[0, j], g[j] * start[j]
    return total, (d_start, d_moves, d_emits)


@by_hand
def soft_dtw(x, y, gamma):
    """The weights of the three ways into a cell, and gamma's share, are kept."""
    n, m = x.shape[0], y.shape[0]
    r, tape = np.full((n + 1, m + 1), 1e10), np.empty((n, m, 4))
    r[0, 0] = 0.0
    for i in range(n):
        for j in range(m):
            a, b, c = r[i, j + 1], r[i + 1, j], r[i, j]
            least = min(a, b, c)
            p, q, s = (least - a) / gamma, (least - b) / gamma, (least - c) / gamma
            ea, eb, ec = math.exp(p), math.exp(q), math.exp(s)
            total = ea + eb + ec
            log = math.log(total)
            away = x[i] - y[j]
            r[i + 1, j + 1] = away * away + least - gamma * log
            ea, eb, ec = ea / total, eb / total, ec / total
            tape[i, j, 0], tape[i, j, 1], tape[i, j, 2] = ea, eb, ec
            tape[i, j, 3] = ea * p + eb * q + ec * s - log
    d = np.zeros((n + 1, m + 1))
    d[n, m] = 1.0
    d_x, d_y, d_gamma = np.empty(n), np.zeros(m), 0.0
    for i in range(n - 1, -1, -1):
        total = 0.0
        for j in range(m - 1, -1, -1):
            g = d[i + 1, j + 1]
            away = 2.0 * g * (x[i] - y[j])
            total += away
            d_y[j] -= away
            d_gamma += g * tape[i, j, 3]
            d[i, j + 1] += g * tape[i, j, 0]
            d[i + 1, j] += g * tape[i, j, 1]
            d[i, j] += g * tape[i, j, 2]
        d_x[i] = total
    return r[n, m], (d_x, d_y, d_gamma)


@by_hand
def option(spot, strike, rate, sigma, z):
    """Each path forwards, and backwards only if it ends in the money."""
    paths, steps = z.shape
    dt = 1.0 / steps
    drift, root = (rate - 0.5 * sigma * sigma) * dt, math.sqrt(dt)
    factors, prices = np.empty(steps), np.empty(steps)
    total = g_spot = g_rate = g_sigma = 0.0
    above = 0
    for i in range(paths):
        price, mean = spot, 0.0
        row = z[i]
        for j in range(steps):
            factors[j] = exp(drift + sigma * root * row[j])
        for j in range(steps):
            price *= factors[j]
            prices[j] = price
            mean += price
        mean /= steps
        if mean > strike:
            total += mean - strike
            above += 1
            g = 0.0
            for j in range(steps - 1, -1, -1):
                g += dt
                moved = g * prices[j]
                g_rate += moved
                g_sigma += moved * z[i, j]
                g *= factors[j]
            g_spot += g
    scale = math.exp(-rate) / paths
    value = scale * total
    g_sigma = scale * (root * g_sigma - sigma * dt * g_rate)
    g_rate = scale * dt * g_rate - value
    return value, (scale * g_spot, -scale * above, g_rate, g_sigma)


@by_hand
def newton(a):
    """Two sweeps: a list of what the trips overwrote and a count for each number."""
    n = a.shape[0]
    tape = [0.0]
    tape.pop()
    counts, d = np.empty(n, np.int64), np.empty(n)
    total = 0.0
    for i in range(n):
        x, count = a[i], 0
        while abs(x * x - a[i]) > 1e-12 * a[i]:
            tape.append(x)
            count += 1
            x = 0.5 * (x + a[i] / x)
        counts[i] = count
        total += x
    for i in range(n - 1, -1, -1):
        g, s = 1.0, 0.0
        for _ in range(counts[i]):
            x = tape.pop()
            half = 0.5 * g / x
            s += half
            g = 0.5 * g - half * (a[i] / x)
        d[i] = s + g
    return total, (d,)


@by_hand
def logistic(r, x, steps):
    """Each x is kept."""
    tape = np.empty(steps)
    for t in range(steps):
        tape[t] = x
        x = r * x * (1.0 - x)
    g, d_r = 1.0, 0.0
    for t in range(steps - 1, -1, -1):
        old = tape[t]
        d_r += g * (old * (1.0 - old))
        g *= r * (1.0 - 2.0 * old)
    return x, (d_r, g)


@by_hand
def _pulls(place, mass, force):
    force[:] = 0.0
    for i in range(mass.shape[0]):
        for j in range(i):
            dx = place[i, 0] - place[j, 0]
            dy = place[i, 1] - place[j, 1]
            dz = place[i, 2] - place[j, 2]
            square = dx * dx + dy * dy + dz * dz + 0.01
            pull = 1.0 / (square * math.sqrt(square))
            mine, other = pull * mass[i], pull * mass[j]
            force[i, 0] -= dx * other
            force[i, 1] -= dy * other
            force[i, 2] -= dz * other
            force[j, 0] += dx * mine
            force[j, 1] += dy * mine
            force[j, 2] += dz * mine


@by_hand
def _pulls_back(place, mass, g, d_place, d_mass):
    for i in range(mass.shape[0]):
        for j in range(i):
            dx = place[i, 0] - place[j, 0]
            dy = place[i, 1] - place[j, 1]
            dz = place[i, 2] - place[j, 2]
            square = dx * dx + dy * dy + dz * dz + 0.01
            pull = 1.0 / (square * math.sqrt(square))
            to_i = g[i, 0] * dx + g[i, 1] * dy + g[i, 2] * dz
            to_j = g[j, 0] * dx + g[j, 1] * dy + g[j, 2] * dz
            d_mass[i] += pull * to_j
            d_mass[j] -= pull * to_i
            far = -3.0 * pull / square * (mass[i] * to_j - mass[j] * to_i)
            mine, other = pull * mass[i], pull * mass[j]
            gx = mine * g[j, 0] - other * g[i, 0] + far * dx
            gy = mine * g[j, 1] - other * g[i, 1] + far * dy
            gz = mine * g[j, 2] - other * g[i, 2] + far * dz
            d_place[i, 0] += gx
            d_place[i, 1] += gy
            d_place[i, 2] += gz
            d_place[j, 0] -= gx
            d_place[j, 1] -= gy
            d_place[j, 2] -= gz


@by_hand
def n_body(place, speed, mass, dt, steps):
    """Where the bodies were is kept; how fast they were does not matter."""
    n = mass.shape[0]
    places, speed, force = np.empty((steps + 1, n, 3)), speed.copy(), np.empty((n, 3))
    places[0] = place
    for t in range(steps):
        _pulls(places[t], mass, force)
        for i in range(n):
            for k in range(3):
                speed[i, k] += dt * force[i, k]
                places[t + 1, i, k] = places[t, i, k] + dt * speed[i, k]
    energy = 0.0
    d_place, d_speed, d_mass = np.zeros((n, 3)), np.empty((n, 3)), np.empty(n)
    for i in range(n):
        square = 0.0
        for k in range(3):
            square += speed[i, k] * speed[i, k]
            d_speed[i, k] = mass[i] * speed[i, k]
        energy += 0.5 * mass[i] * square
        d_mass[i] = 0.5 * square
    for t in range(steps - 1, -1, -1):
        for i in range(n):
            for k in range(3):
                d_speed[i, k] += dt * d_place[i, k]
                force[i, k] = dt * d_speed[i, k]
        _pulls_back(places[t], mass, force, d_place, d_mass)
    return energy, (d_place, d_speed, d_mass)


@by_hand
def thomas(lower, diagonal, upper, right):
    """The factor, the eliminated right side and the solution are kept."""
    n = right.shape[0]
    w, d, r, x = np.empty(n), diagonal.copy(), right.copy(), np.empty(n)
    for i in range(1, n):
        w[i] = lower[i] / d[i - 1]
        d[i] -= w[i] * upper[i - 1]
        r[i] -= w[i] * r[i - 1]
    x[n - 1] = r[n - 1] / d[n - 1]
    for i in range(n - 2, -1, -1):
        x[i] = (r[i] - upper[i] * x[i + 1]) / d[i]
    total = 0.0
    for i in range(n):
        total += x[i] * x[i]
    d_lower, d_diagonal = np.empty(n), np.empty(n)
    d_upper, d_right = np.empty(n), np.empty(n)
    g = 0.0
    for i in range(n):
        g = (2.0 * x[i] - g) / d[i]
        d_right[i], d_diagonal[i] = g, -g * x[i]
        if i < n - 1:
            d_upper[i] = -g * x[i + 1]
            g *= upper[i]
    d_lower[0] = d_upper[n - 1] = 0.0
    for i in range(n - 1, 0, -1):
        g = -(d_right[i] * r[i - 1] + d_diagonal[i] * upper[i - 1]) / d[i - 1]
        d_right[i - 1] -= w[i] * d_right[i]
        d_upper[i - 1] -= w[i] * d_diagonal[i]
        d_lower[i] = g
        d_diagonal[i - 1] -= g * w[i]
    return total, (d_lower, d_diagonal, d_upper, d_right)


@by_hand
def _march(ways, spheres, radii, ts, nearests):
    """Walk along a ray; return how many steps it took and where it ended."""
    dx, dy, dz = ways
    t = 0.0
    nearest = 0
    for step in range(60):
        gap = 1e9
        for s in range(radii.shape[0]):
            ox = t * dx - spheres[s, 0]
            oy = t * dy - spheres[s, 1]
            oz = t * dz - spheres[s, 2]
            away = math.sqrt(ox * ox + oy * oy + oz * oz) - radii[s]
            if away < gap:
                gap, nearest = away, s
        ts[step], nearests[step] = t, nearest
        t += gap
        if gap < 1e-4 or t > 20.0:
            return step + 1, t
    return 60, t


@by_hand
def _march_back(ways, spheres, ts, nearests, steps, g, d_spheres, d_radii):
    dx, dy, dz = ways
    for step in range(steps - 1, -1, -1):
        t, s = ts[step], nearests[step]
        ox = t * dx - spheres[s, 0]
        oy = t * dy - spheres[s, 1]
        oz = t * dz - spheres[s, 2]
        share = g / math.sqrt(ox * ox + oy * oy + oz * oz)
        d_spheres[s, 0] -= share * ox
        d_spheres[s, 1] -= share * oy
        d_spheres[s, 2] -= share * oz
        d_radii[s] -= g
        g += share * (ox * dx + oy * dy + oz * dz)


@by_hand
def ray_march(spheres, radii, light, pixels):
    """Each ray forwards, and backwards only if it brings light."""
    ts, nearests = np.empty(60), np.empty(60, np.int64)
    d_spheres, d_radii = np.zeros_like(spheres), np.zeros_like(radii)
    d_light = np.zeros(3)
    total = 0.0
    count = pixels * pixels
    for row in range(pixels):
        for column in range(pixels):
            dx, dy = column / pixels - 0.5, row / pixels - 0.5
            length = math.sqrt(dx * dx + dy * dy + 1.0)
            ways = dx / length, dy / length, 1.0 / length
            dx, dy, dz = ways
            steps, t = _march(ways, spheres, radii, ts, nearests)
            if t >= 20.0:
                continue
            s = nearests[steps - 1]
            r = radii[s]
            nx = (t * dx - spheres[s, 0]) / r
            ny = (t * dy - spheres[s, 1]) / r
            nz = (t * dz - spheres[s, 2]) / r
            shade = nx * light[0] + ny * light[1] + nz * light[2]
            if shade <= 0.0:
                continue
            total += shade * shade
            g = 2.0 * shade / count
            d_light[0] += g * nx
            d_light[1] += g * ny
            d_light[2] += g * nz
            gx, gy, gz = g * light[0] / r, g * light[1] / r, g * light[2] / r
            d_spheres[s, 0] -= gx
            d_spheres[s, 1] -= gy
            d_spheres[s, 2] -= gz
            d_radii[s] -= g * shade / r
            g = gx * dx + gy * dy + gz * dz
            _march_back(ways, spheres, ts, nearests, steps, g, d_spheres, d_radii)
    return total / count, (d_spheres, d_radii, d_light)
