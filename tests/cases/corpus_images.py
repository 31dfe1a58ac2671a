"""Image processing: corners, smoothing, similarity, flow, colour, warps."""

import numpy as np

from tests.cases import case
from tests.cases.inputs import near


def picture(rng, h, w):
    y, x = np.mgrid[0:h, 0:w]
    return 0.5 + 0.3 * np.sin(0.9 * x + 0.4 * y) + 0.05 * rng.normal(size=(h, w))


def convolve2d(img, kernel):
    """Same-size filtering with zeros outside, as people write it."""
    kh, kw = kernel.shape
    ph, pw = kh // 2, kw // 2
    padded = np.zeros((img.shape[0] + 2 * ph, img.shape[1] + 2 * pw))
    padded[ph:-ph, pw:-pw] = img
    out = np.zeros_like(img)
    for i in range(img.shape[0]):
        for j in range(img.shape[1]):
            out[i, j] = np.sum(padded[i:i + kh, j:j + kw] * kernel)
    return out


# Harris' corner measure, summed over what lies above a threshold.
@case(lambda rng: (picture(rng, 5, 6),), long=True)
def harris_corners(img, k=0.05):
    sx = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    gauss = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16.0
    Ix = convolve2d(img, sx)
    Iy = convolve2d(img, sx.T)
    Sxx = convolve2d(Ix * Ix, gauss)
    Syy = convolve2d(Iy ** 2, gauss)
    Sxy = convolve2d(Ix * Iy, gauss)
    det = Sxx * Syy - Sxy ** 2
    trace = Sxx + Syy
    R = det - k * trace ** 2
    thresh = 0.1 * R.max()
    score = 0.0
    for i in range(R.shape[0]):
        for j in range(R.shape[1]):
            if R[i, j] > thresh:
                score += R[i, j] - thresh
    return score


# Bilateral filter: weights by distance and by difference.
@case(lambda rng: (picture(rng, 4, 5), 1.2, 0.3), argnums=(0, 1, 2), long=True)
def bilateral_filter(img, sigma_s, sigma_r, radius=1):
    h, w = img.shape
    out = np.zeros(img.shape)
    for y in range(h):
        for x in range(w):
            acc = 0.0
            norm = 0.0
            for dy in range(-radius, radius + 1):
                for dx in range(-radius, radius + 1):
                    yy = min(max(y + dy, 0), h - 1)
                    xx = min(max(x + dx, 0), w - 1)
                    spatial = np.exp(-(dx * dx + dy * dy) / (2 * sigma_s ** 2))
                    rng_w = np.exp(-((img[yy, xx] - img[y, x]) ** 2) / (2 * sigma_r ** 2))
                    acc += spatial * rng_w * img[yy, xx]
                    norm += spatial * rng_w
            out[y, x] = acc / norm
    return np.sum((out - img) ** 2) * 100


# Perona and Malik's diffusion with borders that reflect.
@case(lambda rng: (picture(rng, 4, 5), 0.3), argnums=(0, 1), long=True)
def anisotropic_diffusion(img, kappa, niter=3, gamma=0.2, option=2):
    img = img.astype("float64")
    for it in range(niter):
        deltaN = np.zeros_like(img)
        deltaS = np.zeros_like(img)
        deltaE = np.zeros_like(img)
        deltaW = np.zeros_like(img)
        deltaN[1:, :] = img[:-1, :] - img[1:, :]
        deltaS[:-1, :] = img[1:, :] - img[:-1, :]
        deltaE[:, :-1] = img[:, 1:] - img[:, :-1]
        deltaW[:, 1:] = img[:, :-1] - img[:, 1:]
        update = 0.0
        for delta in (deltaN, deltaS, deltaE, deltaW):
            if option == 1:
                g = np.exp(-(delta / kappa) ** 2.0)
            else:
                g = 1.0 / (1.0 + (delta / kappa) ** 2.0)
            update = update + g * delta
        img = img + gamma * update
    dx = np.diff(img, axis=1)
    return np.sum(dx * dx) + img.std()


# Structural similarity with a sliding window.
@case(lambda rng: (picture(rng, 5, 5), picture(rng, 5, 5)), argnums=(0, 1))
def structural_similarity(a, b, win=3, data_range=1.0):
    if a.shape != b.shape:
        raise ValueError("images must have the same dimensions")
    C1 = (0.01 * data_range) ** 2
    C2 = (0.03 * data_range) ** 2
    n = win * win
    total, count = 0.0, 0
    for i in range(a.shape[0] - win + 1):
        for j in range(a.shape[1] - win + 1):
            wa = a[i:i + win, j:j + win]
            wb = b[i:i + win, j:j + win]
            ma, mb = wa.mean(), wb.mean()
            va = ((wa - ma) ** 2).sum() / (n - 1)
            vb = ((wb - mb) ** 2).sum() / (n - 1)
            cab = ((wa - ma) * (wb - mb)).sum() / (n - 1)
            s = ((2 * ma * mb + C1) * (2 * cab + C2)) / (
                (ma ** 2 + mb ** 2 + C1) * (va + vb + C2))
            total += s
            count += 1
    return total / count


# Chambolle's total variation: projected steps on a dual field.
@case(lambda rng: (picture(rng, 4, 4), 0.15), argnums=(0, 1), long=True)
def total_variation_denoising(f, weight, n_iter=3, tau=0.125):
    px = np.zeros_like(f)
    py = np.zeros_like(f)
    u = f
    for i in range(n_iter):
        div = np.zeros_like(f)
        div[:-1, :] += px[:-1, :]
        div[1:, :] -= px[:-1, :]
        div[:, :-1] += py[:, :-1]
        div[:, 1:] -= py[:, :-1]
        u = f + weight * div
        gx = np.zeros_like(u)
        gy = np.zeros_like(u)
        gx[:-1] = u[1:] - u[:-1]
        gy[:, :-1] = u[:, 1:] - u[:, :-1]
        norm = np.sqrt(gx ** 2 + gy ** 2 + 1e-6)
        denom = 1 + tau / weight * norm
        px = (px + tau / weight * gx) / denom
        py = (py + tau / weight * gy) / denom
    return np.sum((u - f) ** 2) + 0.1 * np.sum(norm)


# Horn and Schunck's flow between two pictures.
@case(
    lambda rng: (picture(rng, 4, 5), picture(rng, 4, 5), 0.5),
    argnums=(0, 1, 2),
    long=True,
)
def optical_flow(I1, I2, alpha, iters=3):
    Ix = np.zeros(I1.shape)
    Iy = np.zeros(I1.shape)
    Ix[:, 1:-1] = 0.25 * (I1[:, 2:] - I1[:, :-2] + I2[:, 2:] - I2[:, :-2])
    Iy[1:-1, :] = 0.25 * (I1[2:, :] - I1[:-2, :] + I2[2:, :] - I2[:-2, :])
    It = I2 - I1
    u = np.zeros(I1.shape)
    v = np.zeros(I1.shape)
    H, W = I1.shape
    for _ in range(iters):
        un = u.copy()
        vn = v.copy()
        for i in range(H):
            for j in range(W):
                us = vs = 0.0
                cnt = 0
                for di, dj in [(-1, 0), (1, 0), (0, -1), (0, 1)]:
                    y, x = i + di, j + dj
                    if 0 <= y < H and 0 <= x < W:
                        us += u[y, x]
                        vs += v[y, x]
                        cnt += 1
                us /= cnt
                vs /= cnt
                t = (Ix[i, j] * us + Iy[i, j] * vs + It[i, j]) / (
                    alpha ** 2 + Ix[i, j] ** 2 + Iy[i, j] ** 2)
                un[i, j] = us - Ix[i, j] * t
                vn[i, j] = vs - Iy[i, j] * t
        u, v = un, vn
    return np.mean(np.hypot(u + 1e-3, v))


def cubic(t, a=-0.5):
    t = abs(t)
    if t <= 1:
        return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
    elif t < 2:
        return a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a
    return 0.0


# A picture turned and scaled, sampled by cubic convolution.
@case(lambda rng: (picture(rng, 5, 5), 0.2, 1.1), argnums=(0, 1, 2), long=True)
def bicubic_rotation(img, angle, scale):
    h, w = img.shape
    cy, cx = (h - 1) / 2.0, (w - 1) / 2.0
    c, s = np.cos(angle) / scale, np.sin(angle) / scale
    out = np.zeros((3, 3))
    for i in range(3):
        for j in range(3):
            yy, xx = i - 1.0 + 0.13, j - 1.0 + 0.21
            sy = c * yy - s * xx + cy
            sx = s * yy + c * xx + cx
            y0, x0 = int(np.floor(sy)), int(np.floor(sx))
            val = 0.0
            for m in range(-1, 3):
                for n in range(-1, 3):
                    if y0 + m < 0 or y0 + m >= h or x0 + n < 0 or x0 + n >= w:
                        continue
                    val += img[y0 + m, x0 + n] * cubic(sy - (y0 + m)) * cubic(sx - (x0 + n))
            out[i, j] = val
    return (out * np.array([[1.0, -1, 2], [0.5, 1, -1], [1, 2, 0.3]])).sum()


def rgb_to_lab(rgb):
    lin = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    M = np.array([[0.4124564, 0.3575761, 0.1804375],
                  [0.2126729, 0.7151522, 0.0721750],
                  [0.0193339, 0.1191920, 0.9503041]])
    xyz = M @ lin / np.array([0.95047, 1.0, 1.08883])
    d = 6 / 29
    f = np.where(xyz > d ** 3, np.cbrt(xyz), xyz / (3 * d ** 2) + 4 / 29)
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


# The colour difference of 2000, from two colours in sRGB.
@case(
    lambda rng: (near(rng, 0.8, 0.3, 0.1), near(rng, 0.6, 0.4, 0.02, noise=0.01)),
    argnums=(0, 1),
    long=True,
)
def colour_difference(rgb1, rgb2):
    L1, a1, b1 = rgb_to_lab(rgb1)
    L2, a2, b2 = rgb_to_lab(rgb2)
    C1, C2 = np.hypot(a1, b1), np.hypot(a2, b2)
    Cm7 = ((C1 + C2) / 2) ** 7
    G = 0.5 * (1 - np.sqrt(Cm7 / (Cm7 + 25 ** 7)))
    a1p, a2p = (1 + G) * a1, (1 + G) * a2
    C1p, C2p = np.hypot(a1p, b1), np.hypot(a2p, b2)
    h1 = np.degrees(np.arctan2(b1, a1p)) % 360
    h2 = np.degrees(np.arctan2(b2, a2p)) % 360
    dL, dC = L2 - L1, C2p - C1p
    dh = h2 - h1
    if dh > 180:
        dh -= 360
    elif dh < -180:
        dh += 360
    dH = 2 * np.sqrt(C1p * C2p) * np.sin(np.radians(dh / 2))
    Lm, Cm = (L1 + L2) / 2, (C1p + C2p) / 2
    hm = (h1 + h2) / 2 if abs(h1 - h2) <= 180 else (h1 + h2 + 360) / 2
    T = (1 - 0.17 * np.cos(np.radians(hm - 30)) + 0.24 * np.cos(np.radians(2 * hm))
         + 0.32 * np.cos(np.radians(3 * hm + 6)) - 0.20 * np.cos(np.radians(4 * hm - 63)))
    dtheta = 30 * np.exp(-(((hm - 275) / 25) ** 2))
    RC = 2 * np.sqrt(Cm ** 7 / (Cm ** 7 + 25 ** 7))
    SL = 1 + 0.015 * (Lm - 50) ** 2 / np.sqrt(20 + (Lm - 50) ** 2)
    SC, SH = 1 + 0.045 * Cm, 1 + 0.015 * Cm * T
    RT = -np.sin(np.radians(2 * dtheta)) * RC
    return np.sqrt((dL / SL) ** 2 + (dC / SC) ** 2 + (dH / SH) ** 2
                   + RT * (dC / SC) * (dH / SH))


# Lucas and Kanade: a patch tracked by Gauss-Newton with bilinear reads.
@case(lambda rng: (picture(rng, 7, 7), picture(rng, 3, 3)), argnums=(0, 1), long=True)
def track_patch(img, template):
    p = np.array([2.2, 1.7])
    n = template.shape[0]
    for it in range(2):
        H = 1e-2 * np.eye(2)
        g = np.zeros(2)
        for i in range(n):
            for j in range(n):
                y, x = p[0] + i, p[1] + j
                iy, ix = int(y), int(x)
                fy, fx = y - iy, x - ix
                a, b = img[iy, ix], img[iy, ix + 1]
                c, d = img[iy + 1, ix], img[iy + 1, ix + 1]
                val = (1 - fy) * ((1 - fx) * a + fx * b) + fy * ((1 - fx) * c + fx * d)
                grad = np.array([(1 - fx) * (c - a) + fx * (d - b),
                                 (1 - fy) * (b - a) + fy * (d - c)])
                err = template[i, j] - val
                H += np.outer(grad, grad)
                g += grad * err
        p += np.clip(np.linalg.solve(H, g), -0.15, 0.15)
    return p[0] + 2 * p[1] + np.sum(g ** 2)
