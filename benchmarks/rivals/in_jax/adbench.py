"""In JAX: ADBench's objectives, points and observations by vmap."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp

from benchmarks.rivals.in_jax import Texts, scans


def gmm(alphas, means, scales, lower, x, constant, gamma, degrees):
    k, d = means.shape
    rows, columns = np.tril_indices(d, -1)
    roots = jnp.zeros((k, d, d)).at[:, rows, columns].set(lower)
    roots = roots + jax.vmap(jnp.diag)(jnp.exp(scales))
    moved = jnp.einsum("krc,ikc->ikr", roots, x[:, None, :] - means)
    terms = alphas + jnp.sum(scales, axis=1) - 0.5 * jnp.sum(moved * moved, axis=2)
    total = jnp.sum(logsumexp(terms, axis=1)) - x.shape[0] * logsumexp(alphas)
    squares = jnp.sum(jnp.exp(2.0 * scales)) + jnp.sum(lower * lower)
    prior = 0.5 * gamma * gamma * squares
    return total + constant + prior - degrees * jnp.sum(scales)


def _rotated(axis, x):
    square = jnp.sum(axis * axis)
    safe = jnp.where(square == 0.0, 1.0, square)
    angle = jnp.sqrt(safe)
    w = axis / angle
    turned = x * jnp.cos(angle) + jnp.cross(w, x) * jnp.sin(angle)
    turned = turned + w * jnp.dot(w, x) * (1.0 - jnp.cos(angle))
    return jnp.where(square == 0.0, x + jnp.cross(axis, x), turned)


def bundle(cameras, points, weights, seen, which):
    def one(camera, point, weight, place):
        x = _rotated(camera[:3], point - camera[3:6])
        flat = x[:2] / x[2]
        square = jnp.sum(flat * flat)
        bent = 1.0 + camera[9] * square + camera[10] * square * square
        error = camera[6] * flat * bent + camera[7:9] - place
        return weight**2 * jnp.sum(error * error) + (1.0 - weight**2) ** 2

    given = cameras[which[:, 0]], points[which[:, 1]], weights, seen
    return jnp.sum(jax.vmap(one)(*given))


def lstm(main, extra, state, sequence, wrap):
    size = sequence.shape[1]

    def step(carry, given):
        hidden, cell = carry
        now, then = given
        x = now * extra[0]
        hiddens, cells = [], []
        for k in range(main.shape[0]):
            weight, bias = main[k, 0], main[k, 1]
            forget = jax.nn.sigmoid(x * weight[0] + bias[0])
            ingate = jax.nn.sigmoid(hidden[k] * weight[1] + bias[1])
            outgate = jax.nn.sigmoid(x * weight[2] + bias[2])
            change = jnp.tanh(hidden[k] * weight[3] + bias[3])
            cells.append(cell[k] * forget + ingate * change)
            x = outgate * jnp.tanh(cells[-1])
            hiddens.append(x)
        guess = x * extra[1] + extra[2]
        guess = guess - jnp.log(jnp.sum(jnp.exp(guess)) + 2.0)
        return (jnp.stack(hiddens), jnp.stack(cells)), jnp.sum(then * guess)

    first = state[0], state[1]
    _, parts = lax.scan(wrap(step), first, (sequence[:-1], sequence[1:]))
    return -jnp.sum(parts) / ((sequence.shape[0] - 1) * size)


def _turn(angles):
    c, s = jnp.cos(angles), jnp.sin(angles)
    return jnp.array(
        [
            [
                c[1] * c[2],
                s[0] * s[1] * c[2] - c[0] * s[2],
                c[0] * s[1] * c[2] + s[0] * s[2],
            ],
            [
                c[1] * s[2],
                s[0] * s[1] * s[2] + c[0] * c[2],
                c[0] * s[1] * s[2] - s[0] * c[2],
            ],
            [-s[1], s[0] * c[1], c[0] * c[1]],
        ]
    )


def hand(theta, relative, parents, inverse, base, weights, seen, matches, wrap):
    bones = relative.shape[0]
    turns = jax.vmap(_turn)(theta[6:].reshape(bones, 3))
    own = relative.at[:, :, :3].set(relative[:, :, :3] @ turns)

    def step(whole, given):
        b, parent, mine = given
        root = jnp.eye(3, 4)
        above = jnp.where(parent < 0, root, whole[parent])
        moved = above[:, :3] @ mine
        return whole.at[b].set(moved.at[:, 3].add(above[:, 3])), None

    order = jnp.arange(bones), parents, own
    whole, _ = lax.scan(wrap(step), jnp.zeros((bones, 3, 4)), order)
    skin = (whole[:, :, :3] @ inverse).at[:, :, 3].add(whole[:, :, 3])
    moved = jnp.einsum("brc,ic->bir", skin[:, :, :3], base) + skin[:, None, :, 3]
    placed = jnp.einsum("ib,bir->ir", weights, moved)
    placed = placed @ _turn(theta[:3]).T + theta[3:6]
    error = seen - placed[matches]
    return jnp.sum(error * error)


TEXTS: Texts = {
    "gmm": (gmm,),
    "bundle": (bundle,),
    "lstm": scans(lstm),
    "hand": scans(hand),
}
