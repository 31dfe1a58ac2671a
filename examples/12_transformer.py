"""A small transformer (Vaswani et al., 2017) learns to write like Python's manual."""

print("pip install -e . && python examples/12_transformer.py")

import pydoc_data
import sys
from pathlib import Path
from typing import Any

import numpy as np

import srcgrad
from srcgrad import nn, optim

LENGTH, SIZE, HEADS, LAYERS = 48, 64, 4, 1


def initial(rng: np.random.Generator, letters: int) -> dict[str, Any]:
    """Return weights for each part of the network."""

    def weights(*shape: int) -> Any:
        return nn.init.xavier_uniform(rng, shape, dtype=np.float32)

    def norm() -> Any:
        return np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)

    blocks = [
        {"norms": [norm(), norm()], "qkv": weights(SIZE, 3 * SIZE),
         "join": weights(SIZE, SIZE), "up": weights(SIZE, 4 * SIZE),
         "down": weights(4 * SIZE, SIZE)}
        for _ in range(LAYERS)
    ]  # fmt: skip
    out = {"letters": weights(letters, SIZE), "places": weights(LENGTH, SIZE)}
    return {**out, "blocks": blocks, "norm": norm(), "last": weights(SIZE, letters)}


def predict(p: dict[str, Any], text: Any) -> Any:
    """Return logits of the letter that follows each place `(n, length, letters)`."""
    n, length = text.shape
    x = nn.embedding(text, p["letters"]) + p["places"][:length]
    for block in p["blocks"]:
        h = nn.layer_norm(x, *block["norms"][0]) @ block["qkv"]
        parts = h.reshape(n, length, 3, HEADS, SIZE // HEADS).transpose(2, 0, 3, 1, 4)
        seen = nn.attention(parts[0], parts[1], parts[2], causal=True)
        x = x + seen.transpose(0, 2, 1, 3).reshape(n, length, SIZE) @ block["join"]
        h = nn.layer_norm(x, *block["norms"][1])
        x = x + nn.gelu(h @ block["up"]) @ block["down"]
    return nn.layer_norm(x, *p["norm"]) @ p["last"]


def loss(p: dict[str, Any], text: Any) -> Any:
    """Return the cross-entropy of each next letter."""
    logits = predict(p, text[:, :-1])
    rows = logits.reshape(-1, logits.shape[2])
    return nn.softmax_cross_entropy(rows, text[:, 1:].reshape(-1))


def main(small: bool) -> None:
    """Train, and let it write as it learns; `small` takes no time to compile."""
    rng, topics = np.random.default_rng(0), Path(pydoc_data.__path__[0], "topics.py")
    text = topics.read_text("utf-8").encode("ascii", "ignore").decode()
    letters, coded = np.unique(list(text.replace("\\n", "\n")), return_inverse=True)
    params, adam = initial(rng, len(letters)), optim.Adam(2e-3)
    step = srcgrad.value_and_grad(loss, backend="python" if small else "numba")
    state, steps = adam.init(params), 20 if small else 2000
    for k in range(1, steps + 1):
        starts = rng.integers(0, len(coded) - LENGTH, 4 if small else 32)
        value, grads = step(params, coded[starts[:, None] + np.arange(LENGTH + 1)])
        adam.step(grads, state, params)
        if k % (steps // 4) == 0:
            written = coded[: LENGTH // 2]
            for _ in range(20 if small else 200):
                logits = predict(params, written[None, -LENGTH:])[0, -1].astype(float)
                chosen = rng.choice(len(letters), p=nn.softmax(1.5 * logits))
                written = np.append(written, chosen)
            print(f"\n--- step {k}: loss {value:.2f}\n{''.join(letters[written])}")


if __name__ == "__main__":
    main("--small" in sys.argv)
