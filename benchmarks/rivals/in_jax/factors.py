"""In JAX: factorisations as scans over columns or rows, with masks."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax.numpy as jnp
from jax import lax

from benchmarks.rivals.in_jax import Texts, scans


def cholesky(a, wrap):
    n = a.shape[0]
    rows = jnp.arange(n)

    def step(low, j):
        column = a[:, j] - low @ low[j]
        pivot = jnp.sqrt(column[j])
        column = jnp.where(rows > j, column / pivot, 0.0).at[j].set(pivot)
        return low.at[:, j].set(column), None

    low, _ = lax.scan(wrap(step), jnp.zeros_like(a), rows)
    return jnp.sum(low * low) + jnp.sum(jnp.triu(a, 1) ** 2)


def _factored(a, wrap):
    rows = jnp.arange(a.shape[0])

    def step(m, k):
        column = jnp.where(rows > k, m[:, k] / m[k, k], 0.0)
        row = jnp.where(rows > k, m[k], 0.0)
        m = m - jnp.outer(column, row)
        return m.at[:, k].set(jnp.where(rows > k, column, m[:, k])), None

    return lax.scan(wrap(step), a, rows)[0]


def lu(a, wrap):
    m = _factored(a, wrap)
    return jnp.sum(m * m)


def ludcmp(a, b, wrap):
    m = _factored(a, wrap)
    rows = jnp.arange(b.shape[0])

    def forward(y, i):
        return y.at[i].set(b[i] - m[i] @ y), None

    y, _ = lax.scan(wrap(forward), jnp.zeros_like(b), rows)

    def backward(x, i):
        return x.at[i].set((y[i] - m[i] @ x) / m[i, i]), None

    x, _ = lax.scan(wrap(backward), jnp.zeros_like(b), rows, reverse=True)
    return jnp.sum(x * x)


def trisolv(l, x, b, wrap):  # noqa: E741
    def step(x, i):
        return x.at[i].set((b[i] - l[i] @ x) / l[i, i]), None

    x, _ = lax.scan(wrap(step), jnp.zeros_like(b), jnp.arange(b.shape[0]))
    return jnp.sum(x * x)


def durbin(r, wrap):
    n = r.shape[0]
    places = jnp.arange(n)
    turned = r[::-1]

    def step(carry, k):
        y, alpha, beta = carry
        beta = beta * (1.0 - alpha * alpha)
        before = places < k
        alpha = -(r[k] + jnp.sum(jnp.where(before, jnp.roll(turned, k) * y, 0.0)))
        alpha = alpha / beta
        y = y + jnp.where(before, alpha * jnp.roll(y[::-1], k), 0.0)
        return (y.at[k].set(alpha), alpha, beta), None

    first = jnp.zeros_like(r).at[0].set(-r[0]), -r[0], jnp.ones(())
    (y, _, _), _ = lax.scan(wrap(step), first, places[1:])
    return jnp.sum(y * y)


def gramschmidt(a, wrap):
    columns = jnp.arange(a.shape[1])

    def step(a, k):
        length = jnp.sqrt(a[:, k] @ a[:, k])
        q = a[:, k] / length
        row = jnp.where(columns > k, q @ a, 0.0)
        return a - jnp.outer(q, row), (q, row.at[k].set(length))

    _, (q, r) = lax.scan(wrap(step), a, columns)
    return jnp.sum(r * r * r) + jnp.sum(q)


def covariance(data):
    data = data - jnp.mean(data, axis=0)
    cov = data.T @ data / (data.shape[0] - 1.0)
    return jnp.sum(cov * cov)


def correlation(data):
    n, m = data.shape
    deviation = jnp.std(data, axis=0)
    deviation = jnp.where(deviation <= 0.1, 1.0, deviation)
    data = (data - jnp.mean(data, axis=0)) / (jnp.sqrt(n) * deviation)
    corr = jnp.where(jnp.eye(m, dtype=bool), 1.0, data.T @ data)
    return jnp.sum(corr * corr)


TEXTS: Texts = {
    "cholesky": scans(cholesky),
    "lu": scans(lu),
    "ludcmp": scans(ludcmp),
    "trisolv": scans(trisolv),
    "durbin": scans(durbin),
    "gramschmidt": scans(gramschmidt),
    "covariance": (covariance,),
    "correlation": (correlation,),
}
