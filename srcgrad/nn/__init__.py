"""Layers of networks as plain NumPy functions; they differentiate like one's own.

Batches come first and channels last: images are `(n, height, width, channels)`, the
weights of a convolution `(height, width, channels, out)`.
"""

from srcgrad.nn.images import conv2d, max_pool2d
from srcgrad.nn.layers import (
    dense,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softmax_cross_entropy,
)

__all__ = [
    "conv2d", "dense", "leaky_relu", "log_softmax", "max_pool2d", "relu", "sigmoid",
    "softmax", "softmax_cross_entropy",
]  # fmt: skip
