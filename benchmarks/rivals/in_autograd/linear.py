"""In autograd: products of matrices and vectors."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import autograd.numpy as np

from benchmarks.rivals.in_autograd import Texts


def _square(x):
    return np.sum(x * x)


def gemm(alpha, beta, c, a, b):
    return _square(alpha * a @ b + beta * c)


def k2mm(alpha, beta, a, b, c, d):
    return _square(alpha * a @ b @ c + beta * d)


def k3mm(a, b, c, d):
    return _square(a @ b @ (c @ d))


def atax(a, x):
    return _square((a @ x) @ a)


def bicg(a, p, r):
    return _square(r @ a) + _square(a @ p)


def mvt(x1, x2, y1, y2, a):
    return _square(x1 + a @ y1) + _square(x2 + y2 @ a)


def gesummv(alpha, beta, a, b, x):
    return _square(alpha * a @ x + beta * b @ x)


def gemver(alpha, beta, a, u1, v1, u2, v2, w, x, y, z):
    a = a + np.outer(u1, v1) + np.outer(u2, v2)
    x = x + beta * y @ a + z
    return _square(w + alpha * a @ x)


PLAIN = (gemm, k2mm, k3mm, atax, bicg, mvt, gesummv, gemver)
TEXTS: Texts = {text.__name__: (text,) for text in PLAIN}
