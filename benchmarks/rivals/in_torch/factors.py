"""In PyTorch: statistics of columns."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import torch

from benchmarks.rivals.in_torch import Texts


def covariance(data):
    data = data - torch.mean(data, dim=0)
    cov = data.T @ data / (data.shape[0] - 1.0)
    return torch.sum(cov * cov)


def correlation(data):
    n, m = data.shape
    deviation = torch.std(data, dim=0, correction=0)
    deviation = torch.where(deviation <= 0.1, 1.0, deviation)
    data = (data - torch.mean(data, dim=0)) / (n**0.5 * deviation)
    corr = torch.where(torch.eye(m, dtype=torch.bool), 1.0, data.T @ data)
    return torch.sum(corr * corr)


TEXTS: Texts = {"covariance": (covariance,), "correlation": (correlation,)}
