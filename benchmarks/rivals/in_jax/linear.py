"""In JAX: products of matrices and vectors."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax.numpy as jnp

from benchmarks.rivals.in_jax import Texts


def _square(x):
    return jnp.sum(x * x)


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
    a = a + jnp.outer(u1, v1) + jnp.outer(u2, v2)
    x = x + beta * y @ a + z
    return _square(w + alpha * a @ x)


def symm(alpha, beta, c, a, b):
    below = jnp.tril(a, -1)
    full = below + below.T + jnp.diag(jnp.diag(a))
    return _square(alpha * full @ b + beta * c)


def syrk(alpha, beta, c, a):
    return _square(jnp.tril(alpha * a @ a.T + beta * c) + jnp.triu(c, 1))


def syr2k(alpha, beta, c, a, b):
    both = alpha * (a @ b.T + b @ a.T)
    return _square(jnp.tril(both + beta * c) + jnp.triu(c, 1))


def trmm(alpha, a, b):
    return _square(alpha * (b + jnp.tril(a, -1).T @ b))


def doitgen(a, c4):
    return _square(a @ c4)


PLAIN = (gemm, k2mm, k3mm, atax, bicg, mvt, gesummv, gemver, symm, syrk, syr2k, trmm)
TEXTS: Texts = {text.__name__: (text,) for text in (*PLAIN, doitgen)}
