"""Hamiltonian Monte Carlo on a hierarchical model: the eight schools.

School j has the effect theta_j = mu + tau * eta_j; y_j was measured, with standard
error s_j (D. Rubin, Estimation in parallel randomized experiments, 1981, table 1).
A sum over a grid of mu and tau, effects integrated out, gives the exact means.
"""

print("pip install -e . && python examples/17_eight_schools.py")

import sys
from typing import Any

import numpy as np

import srcgrad

Y = np.array([28.0, 8, -3, 7, -1, 1, 18, 12])
S = np.array([15.0, 10, 16, 11, 9, 11, 10, 18])
SMALL = "--small" in sys.argv  # nothing is compiled then


@srcgrad.value_and_grad(backend="python" if SMALL else "auto")
def log_density(q: Any) -> Any:
    """Return the log density of mu ~ N(0, 5), tau ~ half-Cauchy(5), eta ~ N(0, 1)."""
    mu, tau, eta = q[0], np.exp(q[1]), q[2:]  # q[1] is log(tau), hence + q[1] below
    prior = q[1] - (mu / 5) ** 2 / 2 - np.log(1 + (tau / 5) ** 2) - np.sum(eta**2) / 2
    residual = (Y - (mu + tau * eta)) / S
    return prior - np.sum(residual**2) / 2


def leapfrog(q: Any, p: Any, slope: Any, step: float, n: int) -> tuple[Any, ...]:
    """Return place, momentum, log density and its gradient after n steps."""
    for _ in range(n):
        p = p + step / 2 * slope
        q = q + step * p
        value, slope = log_density(q)
        p = p + step / 2 * slope
    return q, p, value, slope


def sample(rng: np.random.Generator, count: int) -> tuple[Any, float]:
    """Return draws after a warm-up of a fifth, and the share of accepted proposals."""
    q, draws, accepted = np.zeros(10), np.empty((count, 10)), 0
    value, slope = log_density(q)
    for i in range(-count // 5, count):
        p, step = rng.normal(size=10), rng.uniform(0.2, 0.5)  # so no orbit closes
        there = leapfrog(q, p, slope, step, 8)
        change = there[2] - there[1] @ there[1] / 2 - value + p @ p / 2
        if np.log(rng.uniform()) < change:
            (q, _, value, slope), accepted = there, accepted + (i >= 0)
        draws[max(i, 0)] = q
    return draws, accepted / count


def exact() -> list[Any]:
    """Return the means of mu, tau and theta by a sum over a grid of mu and log(tau)."""
    mu, tau = np.meshgrid(np.linspace(-25, 35, 201), np.exp(np.linspace(-12, 6, 301)))
    far, variance = Y[:, None, None] - mu, S[:, None, None] ** 2 + tau**2
    logs = np.log(tau) - (mu / 5) ** 2 / 2 - np.log(1 + (tau / 5) ** 2)
    w = np.exp(logs - np.sum(far**2 / variance + np.log(variance), axis=0) / 2)
    effects = mu + tau**2 / variance * far
    return [np.sum(w * x) / w.sum() for x in (mu, tau, *effects)]


def main() -> None:
    """Sample; print means beside the exact ones, and draw 90 % intervals."""
    draws, share = sample(np.random.default_rng(1), 1000 if SMALL else 20000)
    mu, tau = draws[:, 0], np.exp(draws[:, 1])
    found = [mu, tau, *(mu + tau * draws[:, 2:].T)]
    print(f"\n{len(draws)} draws, {share:.0%} accepted\n")
    print("          mean  exact  deviation   90 % of the draws, the mean; from -10")
    for name, x, e in zip(["mu", "tau", *"ABCDEFGH"], found, exact(), strict=True):
        low, high = np.quantile(x, (0.05, 0.95))
        at = [round(2 * (max(z, -10) + 10)) for z in (low, x.mean(), high)]
        row = " " * at[0] + "-" * (at[1] - at[0]) + "o" + "-" * (at[2] - at[1])
        print(f"{name:6} {x.mean():7.2f} {e:6.2f} {x.std():10.2f}   {row}")


if __name__ == "__main__":
    main()
