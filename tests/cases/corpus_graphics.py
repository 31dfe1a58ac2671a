"""Graphics: shading, curves, noise, cloth, cameras, distance fields, rotations."""

import math

import numpy as np

from tests.cases import case
from tests.cases.inputs import near


def normalize(v):
    n = np.linalg.norm(v)
    if n == 0:
        return v
    return v / n


# Cook and Torrance: GGX, Smith, Schlick, tone map, gamma.
@case(
    lambda rng: (
        near(rng, 0.8, 0.5, 0.2),
        near(rng, 0.4, 0.6),
        near(rng, 0.2, 0.3, 1.0),
    ),
    argnums=(0, 1, 2),
    long=True,
)
def cook_torrance(albedo, material, normal, exposure=1.2):
    roughness, metallic = material
    N = normalize(normal)
    V = normalize(np.array([0.1, -0.2, 1.0]))
    F0 = 0.04 * (1 - metallic) + albedo * metallic
    Lo = np.zeros(3)
    lights = [((1.0, 1.0, 2.0), (3.0, 2.8, 2.5)), ((-1.0, 0.5, 1.0), (0.5, 0.7, 1.0)),
              ((0.0, 0.0, -1.0), (9.0, 9.0, 9.0))]
    for direction, color in lights:
        L = normalize(np.array(direction))
        NdotL = max(np.dot(N, L), 0.0)
        if NdotL <= 0.0:
            continue
        H = normalize(V + L)
        NdotV = max(np.dot(N, V), 1e-4)
        NdotH = max(np.dot(N, H), 0.0)
        VdotH = max(np.dot(V, H), 0.0)
        a2 = roughness ** 4
        denom = NdotH * NdotH * (a2 - 1.0) + 1.0
        D = a2 / (math.pi * denom * denom)
        k = (roughness + 1.0) ** 2 / 8.0
        G = NdotV / (NdotV * (1 - k) + k) * NdotL / (NdotL * (1 - k) + k)
        F = F0 + (1.0 - F0) * (1.0 - VdotH) ** 5
        specular = D * G * F / (4.0 * NdotV * NdotL)
        kD = (1.0 - F) * (1.0 - metallic)
        Lo += (kD * albedo / math.pi + specular) * np.array(color) * NdotL
    x = Lo * exposure
    mapped = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    mapped = np.clip(mapped, 0.0, 1.0)
    srgb = mapped ** (1 / 2.2)
    return 0.2126 * srgb[0] + 0.7152 * srgb[1] + 0.0722 * srgb[2]


PERM = [151, 160, 137, 91, 90, 15, 131, 13, 201, 95, 96, 53, 194, 233, 7, 225]


def fade(t):
    return t * t * t * (t * (t * 6 - 15) + 10)


def grad_dot(h, x, y):
    h = h & 7
    u, v = (x, y) if h < 4 else (y, x)
    return (-u if h & 1 else u) + (-2.0 * v if h & 2 else 2.0 * v)


def perlin(x, y):
    xi, yi = int(math.floor(x)) & 15, int(math.floor(y)) & 15
    xf, yf = x - math.floor(x), y - math.floor(y)
    u, v = fade(xf), fade(yf)
    aa = PERM[(PERM[xi] + yi) % 16]
    ab = PERM[(PERM[xi] + yi + 1) % 16]
    ba = PERM[(PERM[(xi + 1) % 16] + yi) % 16]
    bb = PERM[(PERM[(xi + 1) % 16] + yi + 1) % 16]
    x1 = grad_dot(aa, xf, yf) + u * (grad_dot(ba, xf - 1, yf) - grad_dot(aa, xf, yf))
    x2 = grad_dot(ab, xf, yf - 1) + u * (grad_dot(bb, xf - 1, yf - 1) - grad_dot(ab, xf, yf - 1))
    return x1 + v * (x2 - x1)


# Octaves of Perlin's noise, and the slope of the terrain they make.
@case(lambda rng: (near(rng, [2.3, 1.7], [5.6, 3.4]), 0.5), argnums=(0, 1))
def noisy_terrain(points, persistence, octaves=3):
    height = 0.0
    for px, py in points:
        amplitude, frequency, peak = 1.0, 1.0, 0.0
        total = 0.0
        for o in range(octaves):
            total += perlin(px * frequency, py * frequency) * amplitude
            peak += amplitude
            amplitude *= persistence
            frequency *= 2
        height += (total / peak) ** 2
    return height


# A camera looks at a triangle; coverage is soft, depth is blended.
@case(
    lambda rng: (
        near(rng, [-0.8, -0.6, 0.0], [0.9, -0.5, 0.2], [0.1, 0.8, -0.3]),
        near(rng, 0.3, 0.2, 3.0),
    ),
    argnums=(0, 1),
    long=True,
)
def soft_triangle(triangle, eye, size=4, sigma=0.2):
    f = -eye / np.sqrt(np.sum(eye ** 2))
    r = np.cross(f, np.array([0.0, 1.0, 0.0]))
    r /= np.linalg.norm(r)
    u = np.cross(r, f)
    view = np.eye(4)
    view[0, :3], view[1, :3], view[2, :3] = r, u, -f
    view[:3, 3] = -view[:3, :3] @ eye
    near_, far = 0.1, 10.0
    fov = 1.0 / np.tan(np.deg2rad(50.0) / 2)
    proj = np.zeros((4, 4))
    proj[0, 0] = proj[1, 1] = fov
    proj[2, 2] = (far + near_) / (near_ - far)
    proj[2, 3] = 2 * far * near_ / (near_ - far)
    proj[3, 2] = -1.0
    homog = np.hstack([triangle, np.ones((3, 1))])
    clip = homog @ (proj @ view).T
    ndc = clip[:, :3] / clip[:, 3:4]
    image = np.zeros((size, size))
    a, b, c = ndc[:, :2]
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    for i in range(size):
        for j in range(size):
            p = np.array([(j + 0.5) / size * 2 - 1, 1 - (i + 0.5) / size * 2])
            w0 = ((b[0] - p[0]) * (c[1] - p[1]) - (b[1] - p[1]) * (c[0] - p[0])) / area
            w1 = ((c[0] - p[0]) * (a[1] - p[1]) - (c[1] - p[1]) * (a[0] - p[0])) / area
            w2 = 1 - w0 - w1
            cover = 1.0
            for w in (w0, w1, w2):
                cover *= 1 / (1 + np.exp(-w / sigma))
            depth = w0 * ndc[0, 2] + w1 * ndc[1, 2] + w2 * ndc[2, 2]
            image[i, j] = cover * depth
    target = np.linspace(0, 1, size * size).reshape(size, size)
    return np.mean((image - target) ** 2)


def sd_box(p, b):
    q = np.abs(p) - b
    outside = np.maximum(q, 0.0)
    return np.sqrt(np.sum(outside ** 2)) + min(max(q[0], max(q[1], q[2])), 0.0)


def smooth_min(a, b, k):
    h = max(k - abs(a - b), 0.0) / k
    return min(a, b) - h * h * k * 0.25


# Spheres and boxes blended by distance, marched with a soft shadow.
@case(
    lambda rng: (near(rng, 0.3, 0.2, 0.1), near(rng, 0.5, 0.35)),
    argnums=(0, 1),
    long=True,
)
def march_distance_field(centre, shape):
    def scene(p):
        ball = np.linalg.norm(p - centre) - shape[0]
        box = sd_box(p - np.array([-0.4, 0.0, 0.2]), shape[1] * np.ones(3))
        floor = p[1] + 1.0
        return min(smooth_min(ball, box, 0.25), floor)

    ro = np.array([0.0, 0.5, 3.0])
    light = normalize(np.array([0.5, 1.0, 0.6]))
    total = 0.0
    for px in (-0.11, 0.07):
        rd = normalize(np.array([px, -0.12, -1.0]))
        t = 0.0
        hit = False
        for i in range(60):
            d = scene(ro + t * rd)
            if d < 1e-6:
                hit = True
                break
            t += d
            if t > 20.0:
                break
        if not hit:
            continue
        p = ro + t * rd
        eps = 1e-3
        n = np.zeros(3)
        for axis in range(3):
            e = np.zeros(3)
            e[axis] = eps
            n[axis] = scene(p + e) - scene(p - e)
        n = normalize(n)
        shadow, s = 1.0, 0.02
        for i in range(4):
            h = scene(p + s * light)
            shadow = min(shadow, 8.0 * h / s)
            s += max(h, 0.05)
        total += max(n @ light, 0.0) * max(shadow, 0.1) + 0.1 * t
    return total


def quat_mul(p, q):
    w0, x0, y0, z0 = p
    w1, x1, y1, z1 = q
    return (w0 * w1 - x0 * x1 - y0 * y1 - z0 * z1, w0 * x1 + x0 * w1 + y0 * z1 - z0 * y1,
            w0 * y1 - x0 * z1 + y0 * w1 + z0 * x1, w0 * z1 + x0 * y1 - y0 * x1 + z0 * w1)


def slerp(a, b, t):
    dot = sum(x * y for x, y in zip(a, b))
    if dot < 0:
        b = tuple(-x for x in b)
        dot = -dot
    if dot > 0.9995:
        q = [x + t * (y - x) for x, y in zip(a, b)]
        n = math.sqrt(sum(x * x for x in q))
        return tuple(x / n for x in q)
    theta = math.acos(dot)
    s0 = math.sin((1 - t) * theta) / math.sin(theta)
    s1 = math.sin(t * theta) / math.sin(theta)
    return tuple(s0 * x + s1 * y for x, y in zip(a, b))


# Bones in a chain, keyed by quaternions, skinned with two weights a vertex.
@case(
    lambda rng: (near(rng, 0.4, 1.1, -0.7), near(rng, [0.2, 0.1, 0.0], [1.3, 0.2, 0.1])),
    argnums=(0, 1),
    long=True,
)
def skinned_animation(angles, vertices, frames=3):
    def axis_angle(axis, a):
        s = math.sin(a / 2)
        return (math.cos(a / 2), axis[0] * s, axis[1] * s, axis[2] * s)

    keys0 = [axis_angle((0, 0, 1), 0.1), axis_angle((0, 1, 0), 0.2)]
    keys1 = [axis_angle((0, 0, 1), angles[0]),
             quat_mul(axis_angle((0, 1, 0), angles[1]), axis_angle((1, 0, 0), angles[2]))]
    energy = 0.0
    for frame in range(frames):
        t = frame / (frames - 1)
        mats = []
        origin = np.zeros(3)
        world = (1.0, 0.0, 0.0, 0.0)
        for k0, k1 in zip(keys0, keys1):
            world = quat_mul(world, slerp(k0, k1, t))
            w, x, y, z = world
            R = np.array([
                [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
                [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
                [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)]])
            mats.append((R, origin))
            origin = origin + R @ np.array([1.0, 0.0, 0.0])
        for v in vertices:
            w1 = 1 / (1 + math.exp(-4 * (v[0] - 1)))
            p = (1 - w1) * (mats[0][0] @ v + mats[0][1]) + w1 * (
                mats[1][0] @ (v - np.array([1.0, 0, 0])) + mats[1][1])
            energy += p[0] * p[1] + 0.5 * p[2] ** 2
    return energy
