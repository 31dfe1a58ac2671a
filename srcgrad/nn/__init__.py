"""Layers of networks as plain NumPy functions; they differentiate like one's own.

Batches come first and channels last: images are `(n, height, width, channels)`, the
weights of a convolution `(height, width, channels, out)`. Networks of float32 stay in
float32. What does not fit raises an error with the layer, the shapes and the line.
"""

from srcgrad.nn import init
from srcgrad.nn.activations import (
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    softmax,
    softplus,
    tanh,
)
from srcgrad.nn.attention import attention
from srcgrad.nn.images import avg_pool2d, conv2d, max_pool2d
from srcgrad.nn.layers import (
    BatchState,
    batch_norm,
    batch_norm_state,
    dense,
    dropout,
    embedding,
    flatten,
    layer_norm,
    residual,
)
from srcgrad.nn.losses import (
    binary_cross_entropy_with_logits,
    huber,
    kl_divergence,
    mae,
    mse,
    softmax_cross_entropy,
)
from srcgrad.nn.recurrent import gru_cell, lstm_cell, rnn_cell

__all__ = [
    "BatchState", "attention", "avg_pool2d", "batch_norm", "batch_norm_state",
    "binary_cross_entropy_with_logits", "conv2d", "dense", "dropout", "elu",
    "embedding", "flatten", "gelu", "gru_cell", "huber", "init", "kl_divergence",
    "layer_norm", "leaky_relu", "log_softmax", "lstm_cell", "mae", "max_pool2d", "mse",
    "relu", "residual", "rnn_cell", "sigmoid", "softmax", "softmax_cross_entropy",
    "softplus", "tanh",
]  # fmt: skip
