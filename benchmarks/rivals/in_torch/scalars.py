"""In PyTorch: what is independent as vectors."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import torch

from benchmarks.rivals.in_torch import Texts


def option(spot, strike, rate, sigma, z):
    dt = 1.0 / z.shape[1]
    moves = (rate - 0.5 * sigma * sigma) * dt + sigma * dt**0.5 * z
    prices = spot * torch.exp(torch.cumsum(moves, dim=1))
    gains = torch.relu(torch.mean(prices, dim=1) - strike)
    return torch.exp(-rate) * torch.mean(gains)


def newton(a):
    x = a
    for _ in range(12):
        live = torch.abs(x * x - a) > 1e-12 * a
        x = torch.where(live, 0.5 * (x + a / x), x)
    return torch.sum(x)


def n_body(place, speed, mass, dt, steps):
    for _ in range(steps):
        d = place[:, None, :] - place[None, :, :]
        square = torch.sum(d * d, dim=2) + 0.01
        pull = mass / (square * torch.sqrt(square))
        speed = speed - dt * torch.einsum("ij,ijk->ik", pull, d)
        place = place + dt * speed
    return 0.5 * torch.sum(mass[:, None] * speed * speed)


TEXTS: Texts = {text.__name__: (text,) for text in (option, newton, n_body)}
