"""Two likelihoods with L-BFGS: logistic regression, and a mixture of Gaussians.

The mixture's covariances come from triangular factors with any entries, so nothing
constrains the parameters. If scikit-learn is installed, the points are Fisher's irises.
"""

print("pip install -e '.[data]' && python examples/15_likelihoods.py")

import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import data, optim

SMALL = "--small" in sys.argv  # nothing is compiled then


@srcgrad.differentiable(backend="python" if SMALL else "auto")
def logistic(p: Any, x: Any, y: Any, penalty: float) -> Any:
    """Return the negative log-likelihood of labels 0 and 1, plus a penalty."""
    z = x @ p["w"] + p["b"]
    return np.sum(np.logaddexp(0, z) - y * z) + penalty / 2 * np.sum(p["w"] ** 2)


def terms(p: Any, x: Any) -> Any:
    """Return each component's part of the density of each point, in logarithms."""
    n, d = x.shape
    shares = p["weights"] - np.log(np.sum(np.exp(p["weights"])))
    out = np.empty((n, len(shares)))
    for j in range(len(shares)):
        logs = np.diag(p["factors"][j])  # the inverse covariance is factor @ factor.T
        factor = np.tril(p["factors"][j], -1) + np.diag(np.exp(logs))
        z = (x - p["means"][j]) @ factor
        out[:, j] = shares[j] + np.sum(logs) - np.sum(z**2, axis=1) / 2
    return out - d / 2 * np.log(2 * np.pi)


@srcgrad.differentiable(backend="python" if SMALL else "auto")
def mixture(p: Any, x: Any) -> Any:
    """Return the mean negative log-density of points under a mixture of Gaussians."""
    logs = terms(p, x)
    top = np.max(logs, axis=1, keepdims=True)
    return -np.mean(top[:, 0] + np.log(np.sum(np.exp(logs - top), axis=1)))


def points(rng: np.random.Generator) -> tuple[Any, Any, str]:
    """Return points of three kinds, standardised, their kinds, and what they are."""
    try:
        irises = data.scikit_learn("iris")
        x, kinds, name = irises.inputs.astype(float), irises.labels, "irises"
    except ModuleNotFoundError:
        kinds, name = np.repeat(np.arange(3), 50), "points drawn at random"
        x = 2.5 * rng.normal(size=(3, 4))[kinds] + rng.normal(size=(150, 4))
    return (x - x.mean(axis=0)) / x.std(axis=0), kinds, name


def main() -> None:
    """Fit both, print what was found, and the clusters beside the true kinds."""
    x, kinds, name = points(rng := np.random.default_rng(4))
    start = {"w": np.zeros(4), "b": 0.0}
    w, b = optim.minimize(logistic, start, x, kinds == 2, 1.0).params.values()
    right = np.mean((x @ w + b > 0) == (kinds == 2))
    print(f"\nlogistic regression of {len(x)} {name}, kind 2 against the others: "
          f"{right:.1%} right\nw = {w.round(3)}, b = {b:.3f}\n")  # fmt: skip
    fits, limit = [], {"maxiter": 80 if SMALL else 500}
    for _ in range(2 if SMALL else 8):  # the likelihood has several maxima
        start = {"weights": np.zeros(3), "factors": np.zeros((3, 4, 4))}
        start["means"] = x[rng.choice(len(x), 3, replace=False)]
        fits.append(optim.minimize(mixture, start, x, options=limit))
        print(f"mixture: {fits[-1].value:.4f} after {fits[-1].steps} steps")
    best = min(fits, key=lambda fit: fit.value).params
    cluster = np.argmax(terms(best, x), axis=1)
    table = np.bincount(3 * kinds + cluster, minlength=9).reshape(3, 3)
    print(f"\nthe kinds (rows) in the clusters of the best one (columns):\n{table}")


if __name__ == "__main__":
    main()
