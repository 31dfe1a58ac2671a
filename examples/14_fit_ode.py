"""Fit an ordinary differential equation to data: the lynx and the hares of Hudson Bay.

The Lotka-Volterra equations, integrated by Runge-Kutta steps, are fitted to logarithms
of counts by least squares; exact products with the Hessian give the standard errors.
Data: thousands of pelts of the Hudson's Bay Company, 1900-1920 (P. Howard, 2009).
"""

print("pip install -e . && python examples/14_fit_ode.py")

import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import optim

PELTS = """30 47.2 70.2 77.4 36.3 20.6 18.1 21.4 22 25.4 27.1 40.3 57 76.6 52.3 19.5
    11.2 7.6 14.6 16.2 24.7
    4 6.1 9.8 35.2 59.4 41.7 19 13 8.3 9.1 7.4 8 12.3 19.5 45.7 51.1 29.7 15.8 9.7
    10.1 8.6"""  # of hares, then of lynx
GUESS = {"birth of hares": 0.5, "death of hares": 0.03, "death of lynx": 0.8,
         "birth of lynx": 0.03, "hares in 1900": 30, "lynx in 1900": 4}  # fmt: skip
SMALL = "--small" in sys.argv  # nothing is compiled then


def rate(z: Any, k: Any) -> Any:
    """Return by how much hares and lynx increase in a year."""
    hares, lynx = z
    return np.array([(k[0] - k[1] * lynx) * hares, (k[3] * hares - k[2]) * lynx])


def rk4(z: Any, k: Any, h: float) -> Any:
    """Return the state a time h later, by the classical Runge-Kutta method."""
    k1 = rate(z, k)
    k2 = rate(z + h / 2 * k1, k)
    k3 = rate(z + h / 2 * k2, k)
    k4 = rate(z + h * k3, k)
    return z + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def trajectory(log_p: Any, years: int, steps: int) -> Any:
    """Return the state at the beginning of each year."""
    k, z = np.exp(log_p[:4]), np.exp(log_p[4:])  # all are positive
    states = np.empty((years, 2))
    states[0] = z
    for year in range(1, years):
        for _ in range(steps):
            z = rk4(z, k, 1 / steps)
        states[year] = z
    return states


@srcgrad.differentiable(backend="python" if SMALL else "auto")
def loss(log_p: Any, counts: Any, steps: int) -> Any:
    """Return half the sum of squared differences of logarithms."""
    residual = np.log(trajectory(log_p, len(counts), steps)) - np.log(counts)
    return np.sum(residual**2) / 2


def main() -> None:
    """Fit, print each parameter with its standard error, and plot the hares."""
    counts = np.array(PELTS.split(), float).reshape(2, 21).T
    start, steps = np.log(list(GUESS.values())), 4 if SMALL else 20
    fit = optim.minimize(loss, start, counts, steps, tol=1e-10)
    print(f"\nloss {loss(start, counts, steps):.3f} -> {fit.value:.3f} in {fit.steps} "
          f"steps; value and gradient {fit.evaluations} times\n")  # fmt: skip
    hessian = np.array([loss.hvp(fit.params, v, counts, steps) for v in np.eye(6)])
    variance = np.diag(np.linalg.inv(hessian)) * 2 * fit.value / (counts.size - 6)
    for name, p, v in zip(GUESS, np.exp(fit.params), variance, strict=True):
        print(f"{name:15} {p:8.4f} ± {p * np.sqrt(v):.4f}")
    print("\nhares: o counted, * fitted")
    for year, (z, _) in enumerate(trajectory(fit.params, 21, steps)):
        row = [" "] * 81
        row[round(counts[year, 0])], row[round(z)] = "o", "*"
        print(f"{1900 + year} |{''.join(row).rstrip()}")


if __name__ == "__main__":
    main()
