# weighted, functions.py:61 | gradient with respect to A, s
import numpy as np


def weighted_grad(A, s, d_weighted=1.0):
    # forward
    n = A.shape[0]
    m = A.shape[1]
    A = A.copy()  # 62
    A_old_saved = np.empty((n, m))  # 57
    for i in range(n):  # 57
        A_old_saved[i] = A[i]  # 58
        A[i] *= s[i]  # 58
    t = np.sum(np.sin(A))  # 64
    # backward
    d_A = d_weighted * np.cos(A)  # 64: return np.sum(np.sin(A))
    d_s = np.zeros_like(s)
    for i in range(n - 1, -1, -1):  # 57: for i in range(A.shape[0]):
        d_a = d_A[i].copy()  # 58: A[i] *= s[i]
        A[i] = A_old_saved[i]
        d_A[i] = d_a * s[i]
        d_s[i] += np.sum(d_a * A[i])
    return t, (d_A, d_s)
