"""In PyTorch: ADBench's mixture and LSTM."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import torch

from benchmarks.rivals.in_torch import Texts


def gmm(alphas, means, scales, lower, x, constant, gamma, degrees):
    k, d = means.shape
    rows, columns = torch.tril_indices(d, d, -1)
    roots = torch.zeros((k, d, d), dtype=x.dtype)
    roots = roots.index_put((torch.arange(k)[:, None], rows, columns), lower)
    roots = roots + torch.diag_embed(torch.exp(scales))
    moved = torch.einsum("krc,ikc->ikr", roots, x[:, None, :] - means)
    terms = alphas + torch.sum(scales, dim=1) - 0.5 * torch.sum(moved * moved, dim=2)
    total = torch.sum(torch.logsumexp(terms, dim=1))
    total = total - x.shape[0] * torch.logsumexp(alphas, dim=0)
    squares = torch.sum(torch.exp(2.0 * scales)) + torch.sum(lower * lower)
    prior = 0.5 * gamma * gamma * squares
    return total + constant + prior - degrees * torch.sum(scales)


def lstm(main, extra, state, sequence):
    hidden, cell = list(state[0]), list(state[1])
    total = 0.0
    for t in range(sequence.shape[0] - 1):
        x = sequence[t] * extra[0]
        for k in range(main.shape[0]):
            weight, bias = main[k, 0], main[k, 1]
            forget = torch.sigmoid(x * weight[0] + bias[0])
            ingate = torch.sigmoid(hidden[k] * weight[1] + bias[1])
            outgate = torch.sigmoid(x * weight[2] + bias[2])
            change = torch.tanh(hidden[k] * weight[3] + bias[3])
            cell[k] = cell[k] * forget + ingate * change
            hidden[k] = outgate * torch.tanh(cell[k])
            x = hidden[k]
        guess = x * extra[1] + extra[2]
        guess = guess - torch.log(torch.sum(torch.exp(guess)) + 2.0)
        total = total + torch.sum(sequence[t + 1] * guess)
    return -total / ((sequence.shape[0] - 1) * sequence.shape[1])


TEXTS: Texts = {"gmm": (gmm,), "lstm": (lstm,)}
