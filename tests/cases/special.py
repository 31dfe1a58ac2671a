"""Functions of `scipy.special`, by all the names that they go by."""

import math

import numpy as np
import scipy.special
import scipy.special as sp
from scipy.special import gammaln, logsumexp

from tests.cases import case
from tests.cases.inputs import positive


@case(lambda rng: (positive(rng, 4), 2.5), argnums=(0, 1))
def gamma_likelihood(x, shape):
    log_density = (shape - 1.0) * np.log(x) - x - gammaln(shape)
    return log_density.sum() + math.lgamma(shape + x[0])


@case(lambda rng: (positive(rng, 4), positive(rng, 4)), argnums=(0, 1))
def beta_and_its_slopes(a, b):
    beta = gammaln(a) + gammaln(b) - gammaln(a + b)
    return (beta * sp.digamma(a)).sum() + sp.polygamma(1, b).sum() * sp.psi(a[0])


@case(lambda rng: (rng.normal(size=(3, 4)), rng.normal(size=3)), argnums=(0, 1))
def mixture(x, weights):
    each = x - logsumexp(x, axis=1, keepdims=True)
    total = logsumexp(each + weights[:, None], axis=0)
    return (total * total).sum() + logsumexp(x)


@case(lambda rng: (rng.normal(size=(3, 4)),))
def attention(x):
    shares = scipy.special.softmax(x, axis=-1)
    return (shares * scipy.special.log_softmax(x, axis=0)).sum() + sp.softmax(x)[0, 1]


@case(lambda rng: (rng.normal(size=5), positive(rng, 5)), argnums=(0, 1))
def entropies(x, p):
    q = sp.expit(x)
    return (sp.xlogy(p, p) - sp.xlogy(q, p) + sp.erf(x) * sp.erfc(p)).sum()


@case(lambda rng: (positive(rng, 6).astype(np.float32),), rtol=1e-5)
def special_in_single_precision(x):
    y = sp.gammaln(x) * sp.expit(x) + sp.erf(x)
    return (y * y).sum() + sp.logsumexp(x)


@case(lambda rng: (positive(rng, 4),))
def gamma_in_a_loop(x):
    total = 0.0
    for k in range(len(x)):
        total = total + math.lgamma(x[k] + k) * math.erf(total)
        if total > 3.0:
            total = total - sp.logsumexp(x[: k + 1])
    return total


# A result that a loop carries from turn to turn.
@case(lambda rng: (rng.normal(size=(4, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)))
def log_sums_carried_on(emissions, transitions, start):
    alpha = start + emissions[0]
    for i in range(1, emissions.shape[0]):
        alpha = logsumexp(
            alpha[:, None] + transitions + emissions[i][None, :], axis=0
        )
    return logsumexp(alpha)
