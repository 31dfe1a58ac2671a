# wide, functions.py:91 | gradient with respect to first_weights, second_weights, first_offsets, second_offsets
import numpy as np


def wide_grad(
    first_weights,
    second_weights,
    first_offsets,
    second_offsets,
    observations,
    d_wide=1.0,
):
    # forward
    t = np.tanh(observations @ first_weights + first_offsets)  # 92
    t_2 = observations @ first_weights - first_offsets  # 92
    t_3 = np.sin(t_2)  # 92
    hidden = np.tanh(t * t_3)  # 92
    t_4 = hidden @ second_weights + second_offsets  # 96
    t_5 = t_4**2  # 96
    t_6 = np.exp(-(hidden @ second_weights + second_offsets))  # 96
    t_7 = np.sum(t_5 * t_6)  # 96
    # backward
    # 96: return np.sum((hidden @ second_weights + second_offsets) ** 2 * np.exp(-(h ...
    d_a = d_wide * t_5 * t_6
    d_a_2 = d_wide * t_6 * (2 * t_4)
    d_second_offsets = np.sum(d_a_2, axis=0) - np.sum(d_a, axis=0)
    d_hidden = d_a_2 @ second_weights.T - d_a @ second_weights.T
    d_second_weights = hidden.T @ d_a_2 - hidden.T @ d_a
    # 92: hidden = np.tanh(np.tanh(observations @ first_weights + first_offsets) * n ...
    d_a = d_hidden * (1 - hidden * hidden)
    d_a_2 = d_a * t * np.cos(t_2)
    d_first_weights = observations.T @ d_a_2
    d_a = d_a * t_3 * (1 - t * t)
    d_first_offsets = np.sum(d_a, axis=0) - np.sum(d_a_2, axis=0)
    d_first_weights += observations.T @ d_a
    return t_7, (d_first_weights, d_second_weights, d_first_offsets, d_second_offsets)
