"""Earth sciences: geodesy, seismology, hydrology, oceans, the sun, the air."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import near


# Vincenty's inverse formula on the ellipsoid.
@case(
    lambda rng: (near(rng, 48.85, 2.35), near(rng, 40.7, -74.0)),
    argnums=(0, 1),
    long=True,
)
def vincenty_inverse(p1, p2):
    a = 6378137.0
    f = 1 / 298.257223563
    b = (1 - f) * a
    phi1, lam1 = math.radians(p1[0]), math.radians(p1[1])
    phi2, lam2 = math.radians(p2[0]), math.radians(p2[1])
    L = lam2 - lam1
    U1 = math.atan((1 - f) * math.tan(phi1))
    U2 = math.atan((1 - f) * math.tan(phi2))
    sinU1, cosU1 = math.sin(U1), math.cos(U1)
    sinU2, cosU2 = math.sin(U2), math.cos(U2)
    lam = L
    for i in range(200):
        sinlam = math.sin(lam)
        coslam = math.cos(lam)
        sinsig = math.sqrt((cosU2 * sinlam) ** 2 + (cosU1 * sinU2 - sinU1 * cosU2 * coslam) ** 2)
        if sinsig == 0:
            return 0.0
        cossig = sinU1 * sinU2 + cosU1 * cosU2 * coslam
        sigma = math.atan2(sinsig, cossig)
        sinalpha = cosU1 * cosU2 * sinlam / sinsig
        cossqalpha = 1 - sinalpha ** 2
        try_cos2 = cossig - 2 * sinU1 * sinU2 / cossqalpha if cossqalpha != 0 else 0.0
        C = f / 16 * cossqalpha * (4 + f * (4 - 3 * cossqalpha))
        lam_prev = lam
        lam = L + (1 - C) * f * sinalpha * (
            sigma + C * sinsig * (try_cos2 + C * cossig * (-1 + 2 * try_cos2 ** 2))
        )
        if abs(lam - lam_prev) < 1e-14:
            break
    else:
        return float("nan")
    usq = cossqalpha * (a ** 2 - b ** 2) / b ** 2
    A = 1 + usq / 16384 * (4096 + usq * (-768 + usq * (320 - 175 * usq)))
    B = usq / 1024 * (256 + usq * (-128 + usq * (74 - 47 * usq)))
    dsig = B * sinsig * (
        try_cos2 + B / 4 * (cossig * (-1 + 2 * try_cos2 ** 2)
        - B / 6 * try_cos2 * (-3 + 4 * sinsig ** 2) * (-3 + 4 * try_cos2 ** 2)))
    return b * A * (sigma - dsig) / 1000


# Geodetic to Cartesian, to a local frame, and back by iteration.
@case(
    lambda rng: (near(rng, 0.8, 0.2, 300.0), near(rng, 1200.0, -800.0, 150.0)),
    argnums=(0, 1),
    long=True,
)
def local_offsets_to_height(origin, enu):
    a, e2 = 6378137.0, 6.69437999014e-3
    lat, lon, h = origin
    N = a / np.sqrt(1 - e2 * np.sin(lat) ** 2)
    xyz = np.array([
        (N + h) * np.cos(lat) * np.cos(lon),
        (N + h) * np.cos(lat) * np.sin(lon),
        (N * (1 - e2) + h) * np.sin(lat),
    ])
    R = np.array([
        [-np.sin(lon), np.cos(lon), 0],
        [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)],
        [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)],
    ])
    x, y, z = xyz + R.T @ enu
    p = np.hypot(x, y)
    phi = np.arctan2(z, p * (1 - e2))
    alt = 0.0
    for _ in range(6):
        N = a / np.sqrt(1 - e2 * np.sin(phi) ** 2)
        alt = p / np.cos(phi) - N
        phi = np.arctan2(z, p * (1 - e2 * N / (N + alt)))
    return alt / 1000 + np.degrees(phi) + np.degrees(np.arctan2(y, x))


# Geiger's method: an earthquake located from arrival times by damped Gauss-Newton.
@case(lambda rng: (near(rng, 2.45, 2.9, 2.2, 3.3, 2.75, noise=0.05),), long=True)
def earthquake_location(arrivals, v=5.8):
    stations = np.array([
        [0.0, 0.0, 0.0], [12.0, 1.0, 0.2], [3.0, 9.0, 0.0], [-8.0, 7.0, 0.1], [5.0, -10.0, 0.3],
    ])
    m = np.array([2.0, 1.0, 8.0, 0.5])
    damping = 1e-3
    for it in range(6):
        G = np.zeros((len(stations), 4))
        r = np.zeros(len(stations))
        for i, s in enumerate(stations):
            dx, dy, dz = m[0] - s[0], m[1] - s[1], m[2] + s[2]
            dist = math.sqrt(dx ** 2 + dy ** 2 + dz ** 2)
            r[i] = arrivals[i] - (m[3] + dist / v)
            G[i, 0] = dx / (v * dist)
            G[i, 1] = dy / (v * dist)
            G[i, 2] = dz / (v * dist)
            G[i, 3] = 1.0
        dm = np.linalg.solve(G.T @ G + damping * np.eye(4), G.T @ r)
        m += dm
        if m[2] < 0:
            m[2] = 0.1
        if np.sqrt(np.sum(dm ** 2)) < 1e-10:
            break
    return m[2] + 0.3 * m[0] - 0.2 * m[1] + m[3] + 10 * np.mean(r ** 2)


# GR4J: a day's rain through two stores and two unit hydrographs.
@case(
    lambda rng: (near(rng, 320.0, 0.6, 70.0, 1.8, noise=0.05),
                 near(rng, 12.0, 1.0, 0.5, 25.0, 8.0, 0.2),
                 near(rng, 2.0, 3.5, 4.0, 1.5, 2.0, 3.0)),
    argnums=(0, 1, 2),
    long=True,
)
def rainfall_to_runoff(params, rain, evap):
    x1, x2, x3, x4 = params

    def s_curve1(t):
        if t <= 0:
            return 0.0
        elif t < x4:
            return (t / x4) ** 2.5
        return 1.0

    def s_curve2(t):
        if t <= 0:
            return 0.0
        elif t < x4:
            return 0.5 * (t / x4) ** 2.5
        elif t < 2 * x4:
            return 1 - 0.5 * (2 - t / x4) ** 2.5
        return 1.0

    n1 = math.ceil(x4)
    n2 = math.ceil(2 * x4)
    uh1 = [s_curve1(j) - s_curve1(j - 1) for j in range(1, n1 + 1)]
    uh2 = [s_curve2(j) - s_curve2(j - 1) for j in range(1, n2 + 1)]
    store1 = [0.0] * n1
    store2 = [0.0] * n2
    S = 0.6 * x1
    R = 0.7 * x3
    total = 0.0
    for P, E in zip(rain, evap):
        if P > E:
            net = P - E
            ws = min(net / x1, 13.0)
            ps = (x1 * (1 - (S / x1) ** 2) * math.tanh(ws)) / (1 + S / x1 * math.tanh(ws))
            es = 0.0
        else:
            net = 0.0
            we = (E - P) / x1
            es = S * (2 - S / x1) * math.tanh(we) / (1 + (1 - S / x1) * math.tanh(we))
            ps = 0.0
        S = S - es + ps
        perc = S * (1 - (1 + (4 / 9 * S / x1) ** 4) ** (-0.25))
        S -= perc
        pr = perc + (net - ps)
        for i in range(n1 - 1):
            store1[i] = store1[i + 1] + uh1[i] * pr
        store1[n1 - 1] = uh1[n1 - 1] * pr
        for i in range(n2 - 1):
            store2[i] = store2[i + 1] + uh2[i] * pr
        store2[n2 - 1] = uh2[n2 - 1] * pr
        F = x2 * (R / x3) ** 3.5
        R = max(0.0, R + 0.9 * store1[0] + F)
        qr = R * (1 - (1 + (R / x3) ** 4) ** (-0.25))
        R -= qr
        qd = max(0.0, 0.1 * store2[0] + F)
        total += qr + qd
    return total


# FAO's reference evapotranspiration, day by day.
@case(
    lambda rng: (
        near(rng, [12.3, 21.5], [14.0, 25.0], [9.0, 19.0]),
        near(rng, 2.0, 1.5, 3.0),
    ),
    argnums=(0, 1),
    long=True,
)
def penman_monteith(temperatures, wind, doy0=187, latitude=50.8, elevation=100.0):
    phi = math.pi / 180 * latitude
    P = 101.3 * ((293 - 0.0065 * elevation) / 293) ** 5.26
    gamma = 0.665e-3 * P
    et = []
    for day in range(len(wind)):
        tmin, tmax = temperatures[day]
        tmean = (tmin + tmax) / 2.0
        J = doy0 + day
        e0 = lambda T: 0.6108 * math.exp(17.27 * T / (T + 237.3))
        es = (e0(tmax) + e0(tmin)) / 2
        ea = e0(tmin - 2.0)
        delta = 4098 * e0(tmean) / (tmean + 237.3) ** 2
        dr = 1 + 0.033 * math.cos(2 * math.pi / 365 * J)
        sd = 0.409 * math.sin(2 * math.pi / 365 * J - 1.39)
        ws = math.acos(-math.tan(phi) * math.tan(sd))
        Ra = 24 * 60 / math.pi * 0.0820 * dr * (
            ws * math.sin(phi) * math.sin(sd) + math.cos(phi) * math.cos(sd) * math.sin(ws)
        )
        Rs = 0.16 * math.sqrt(tmax - tmin) * Ra
        Rso = (0.75 + 2e-5 * elevation) * Ra
        Rns = 0.77 * Rs
        sb = 4.903e-9 * ((tmax + 273.16) ** 4 + (tmin + 273.16) ** 4) / 2
        Rnl = sb * (0.34 - 0.14 * math.sqrt(ea)) * (1.35 * min(Rs / Rso, 1.0) - 0.35)
        u2 = wind[day]
        num = 0.408 * delta * (Rns - Rnl) + gamma * 900 / (tmean + 273) * u2 * (es - ea)
        et.append(num / (delta + gamma * (1 + 0.34 * u2)))
    return sum(et) / len(et) + max(et)


# UNESCO's equation of state of sea water, and the sound speed down a profile.
@case(
    lambda rng: (near(rng, 35.0, 34.8, 34.9), near(rng, 18.0, 9.0, 4.0)),
    argnums=(0, 1),
    long=True,
)
def sea_water_column(S, T):
    Z = np.array([5.0, 400.0, 1500.0])
    a = [999.842594, 6.793952e-2, -9.095290e-3, 1.001685e-4, -1.120083e-6, 6.536332e-9]
    b = [8.24493e-1, -4.0899e-3, 7.6438e-5, -8.2467e-7, 5.3875e-9]
    c = [-5.72466e-3, 1.0227e-4, -1.6546e-6]
    d0 = 4.8314e-4
    dens_w = a[0] + (a[1] + (a[2] + (a[3] + (a[4] + a[5] * T) * T) * T) * T) * T
    dens = (
        dens_w
        + (b[0] + (b[1] + (b[2] + (b[3] + b[4] * T) * T) * T) * T) * S
        + (c[0] + (c[1] + c[2] * T) * T) * S * S ** 0.5
        + d0 * S ** 2
    )
    c_sound = (1448.96 + 4.591 * T - 5.304e-2 * T ** 2 + 2.374e-4 * T ** 3
               + 1.340 * (S - 35) + 1.630e-2 * Z + 1.675e-7 * Z ** 2
               - 1.025e-2 * T * (S - 35) - 7.139e-13 * T * Z ** 3)
    travel = 0.0
    for k in range(1, len(Z)):
        travel += 2 * (Z[k] - Z[k - 1]) / (c_sound[k] + c_sound[k - 1])
    stability = -9.81 / dens[1:] * np.diff(dens) / np.diff(Z)
    return travel + 1e3 * np.sum(stability) + np.mean(dens) / 1000


# The sun's height and azimuth, as in the almanac's short formulas.
@case(lambda rng: (near(rng, 52.0, 13.0), near(rng, 10.2)), argnums=(0, 1), long=True)
def sun_above_panel(place, hour, n=2000):
    lat, lon = np.deg2rad(place[0]), place[1]
    d = n + hour[0] / 24 - 0.5
    L = (280.460 + 0.9856474 * d) % 360
    g = np.deg2rad((357.528 + 0.9856003 * d) % 360)
    lam = np.deg2rad(L + 1.915 * np.sin(g) + 0.020 * np.sin(2 * g))
    eps = np.deg2rad(23.439 - 4e-7 * d)
    ra = np.arctan2(np.cos(eps) * np.sin(lam), np.cos(lam))
    dec = np.arcsin(np.sin(eps) * np.sin(lam))
    gmst = (6.697375 + 0.0657098242 * d + hour[0]) % 24
    ha = np.deg2rad((gmst * 15 + lon) % 360) - ra
    elevation = np.arcsin(
        np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(ha)
    )
    azimuth = np.arctan2(-np.sin(ha), np.tan(dec) * np.cos(lat) - np.sin(lat) * np.cos(ha))
    if elevation <= 0:
        return 0.0
    tilt, facing = np.deg2rad(35.0), np.deg2rad(180.0)
    incidence = (np.sin(elevation) * np.cos(tilt)
                 + np.cos(elevation) * np.sin(tilt) * np.cos(azimuth - facing))
    airmass = 1 / (np.sin(elevation) + 0.50572 * (np.rad2deg(elevation) + 6.07995) ** -1.6364)
    direct = 1353 * 0.7 ** (airmass ** 0.678)
    return direct * max(incidence, 0.0)


def ricker(t, f0):
    a = (np.pi * f0 * (t - 1.0 / f0)) ** 2
    return (1 - 2 * a) * np.exp(-a)


# Seismograms by finite differences and their misfit: the inner part of an inversion.
@case(
    lambda rng: (near(rng, *[1500.0] * 4, *[1800.0] * 5, noise=30.0), 12.0),
    argnums=(0, 1),
    long=True,
)
def waveform_misfit(velocity, f0, nt=12, dx=10.0, dt=0.004):
    nz = len(velocity)
    src, rec = 1, nz - 3
    p_old = np.zeros(nz)
    p = np.zeros(nz)
    seis = np.zeros(nt)
    c2 = (velocity * dt / dx) ** 2
    taper = np.ones(nz)
    taper[-2:] = [0.9, 0.7]
    for it in range(nt):
        lap = np.zeros(nz)
        lap[1:-1] = p[2:] - 2 * p[1:-1] + p[:-2]
        p_new = 2 * p - p_old + c2 * lap
        p_new[src] += ricker(it * dt, f0) * dt ** 2 * 1e4
        p_new *= taper
        p_old, p = p * taper, p_new
        seis[it] = p[rec]
    observed = 0.02 * np.sin(np.arange(nt) * 0.7)
    return 0.5 * np.sum((seis - observed) ** 2) * 1e3


# Surface displacement over a magma chamber (Mogi) and a tilting dyke of point sources.
@case(
    lambda rng: (
        near(rng, 0.5, -0.3, 3.0, 0.9),
        near(rng, [1.0, 0.0], [-2.0, 1.5], [0.3, 4.0]),
    ),
    argnums=(0, 1),
)
def magma_chamber(source, stations, nu=0.25):
    x0, y0, depth, dV = source[0], source[1], source[2], source[3]
    total = 0.0
    data = [(0.1, 0.02, 0.3), (-0.2, 0.1, 0.1), (0.0, 0.15, 0.05)]
    for (sx, sy), (ux, uy, uz) in zip(stations, data):
        for piece in range(3):
            z = depth + 0.5 * piece
            r2 = (sx - x0) ** 2 + (sy - y0) ** 2
            R3 = (r2 + z ** 2) ** 1.5
            C = (1 - nu) * dV / (3 * np.pi)
            ux -= C * (sx - x0) / R3
            uy -= C * (sy - y0) / R3
            uz -= C * z / R3
        total += ux ** 2 + uy ** 2 + uz ** 2 / 4
    return total
