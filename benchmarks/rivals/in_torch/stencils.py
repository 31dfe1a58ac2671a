"""In PyTorch: stencils."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import torch
from torch.nn.functional import pad

from benchmarks.rivals.in_torch import Texts


def jacobi_1d(steps, a, b):
    def average(a, b):
        inner = 0.33333 * (a[:-2] + a[1:-1] + a[2:])
        return torch.cat([b[:1], inner, b[-1:]])

    for _ in range(1, steps):
        b = average(a, b)
        a = average(b, a)
    # Where nothing of b reaches the result, it is still asked for.
    return torch.sum(a * a) + 0.0 * torch.sum(b)


def jacobi_2d(steps, a, b):
    rim = torch.ones_like(a)
    rim[1:-1, 1:-1] = 0.0

    def average(a, b):
        sides = a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1]
        return rim * b + pad(0.2 * (a[1:-1, 1:-1] + sides), (1, 1, 1, 1))

    for _ in range(1, steps):
        b = average(a, b)
        a = average(b, a)
    return torch.sum(a * a)


def hdiff(field, coeff):
    i, j = coeff.shape[0], coeff.shape[1]
    lap = 4.0 * field[1 : i + 3, 1 : j + 3, :] - (
        field[2 : i + 4, 1 : j + 3, :]
        + field[0 : i + 2, 1 : j + 3, :]
        + field[1 : i + 3, 2 : j + 4, :]
        + field[1 : i + 3, 0 : j + 2, :]
    )
    res = lap[1:, 1 : j + 1, :] - lap[:-1, 1 : j + 1, :]
    fall = field[2 : i + 3, 2 : j + 2, :] - field[1 : i + 2, 2 : j + 2, :]
    flx = torch.where(res * fall > 0.0, 0.0, res)
    res = lap[1 : i + 1, 1:, :] - lap[1 : i + 1, :-1, :]
    fall = field[2 : i + 2, 2 : j + 3, :] - field[2 : i + 2, 1 : j + 2, :]
    fly = torch.where(res * fall > 0.0, 0.0, res)
    flux = flx[1:, :, :] - flx[:-1, :, :] + fly[:, 1:, :] - fly[:, :-1, :]
    out = field[2 : i + 2, 2 : j + 2, :] - coeff * flux
    return torch.sum(out * out)


TEXTS: Texts = {text.__name__: (text,) for text in (jacobi_1d, jacobi_2d, hdiff)}
