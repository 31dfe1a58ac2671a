"""In autograd: what is independent as vectors."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import autograd.numpy as np

from benchmarks.rivals.in_autograd import Texts


def option(spot, strike, rate, sigma, z):
    dt = 1.0 / z.shape[1]
    moves = (rate - 0.5 * sigma * sigma) * dt + sigma * np.sqrt(dt) * z
    prices = spot * np.exp(np.cumsum(moves, axis=1))
    gains = np.maximum(np.mean(prices, axis=1) - strike, 0.0)
    return np.exp(-rate) * np.mean(gains)


def n_body(place, speed, mass, dt, steps):
    for _ in range(steps):
        d = place[:, None, :] - place[None, :, :]
        square = np.sum(d * d, axis=2) + 0.01
        pull = mass / (square * np.sqrt(square))
        speed = speed - dt * np.einsum("ij,ijk->ik", pull, d)
        place = place + dt * speed
    return 0.5 * np.sum(mass[:, None] * speed * speed)


TEXTS: Texts = {text.__name__: (text,) for text in (option, n_body)}
