"""In PyTorch: layers."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

import torch
import torch.nn.functional as F

from benchmarks.rivals.in_torch import Texts


def go_fast(a):
    b = a + torch.sum(torch.tanh(torch.diag(a)))
    return torch.sum(b * b)


def softmax(x):
    y = torch.softmax(x, dim=-1)
    return torch.sum(y * y)


def mlp(x, w1, b1, w2, b2, w3, b3):
    h = torch.relu(torch.addmm(b1, x, w1))
    h = torch.relu(torch.addmm(b2, h, w2))
    y = torch.softmax(torch.addmm(b3, h, w3), dim=-1)
    return torch.sum(y * y)


def layer(h, w, b):
    h = torch.relu(F.conv2d(h, w.permute(3, 2, 0, 1), b, padding=1))
    return F.max_pool2d(h, 2)


def cnn(x, labels, w1, b1, w2, b2, w3, b3):
    h = layer(layer(x.permute(0, 3, 1, 2), w1, b1), w2, b2)
    h = h.permute(0, 2, 3, 1).flatten(1)
    return F.cross_entropy(torch.addmm(b3, h, w3), labels)


TEXTS: Texts = {text.__name__: (text,) for text in (go_fast, softmax, mlp, cnn)}
