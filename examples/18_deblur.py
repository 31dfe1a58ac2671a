"""Deblur an image by gradient descent, with a penalty on its total variation.

The camera is modelled: a Gaussian blur, and noise. Sought is the image whose blur is
near the picture, and that has few slopes (Rudin, Osher and Fatemi, 1992).
"""

print("pip install -e . && python examples/18_deblur.py")

import sys
from pathlib import Path
from typing import Any

import numpy as np

import srcgrad
from srcgrad import optim

SMALL = "--small" in sys.argv  # nothing is compiled then


def blur_rows(image: Any, kernel: Any) -> Any:
    """Return an image blurred across its rows; its first and last row go on outside."""
    n, reach = len(image), len(kernel) // 2
    first, last = np.repeat(image[:1], reach, axis=0), np.repeat(image[-1:], reach, 0)
    wide, out = np.concatenate([first, image, last]), np.zeros_like(image)
    for k in range(len(kernel)):
        out += kernel[k] * wide[k : k + n]
    return out


def blur(image: Any, kernel: Any) -> Any:
    """Return an image blurred along both axes."""
    return blur_rows(blur_rows(image, kernel).T, kernel).T


@srcgrad.value_and_grad(backend="python" if SMALL else "auto")
def loss(image: Any, picture: Any, kernel: Any, penalty: float) -> Any:
    """Return the misfit of the blurred image, and the image's smoothed variation."""
    misfit = blur(image, kernel) - picture
    down, right = image[1:, :-1], image[:-1, 1:]
    squares = (down - image[:-1, :-1]) ** 2 + (right - image[:-1, :-1]) ** 2
    return np.sum(misfit**2) / 2 + penalty * np.sum(np.sqrt(squares + 1e-4))


def scene(n: int) -> Any:
    """Return a sharp image with values from 0 to 1: a disc, shades, and stripes."""
    y, x = np.mgrid[:n, :n] / n
    image = np.where((x - 0.3) ** 2 + (y - 0.3) ** 2 < 0.05, 0.9, 0.4 * x + 0.1)
    framed, stripes = (y > 0.6) & (y < 0.9) & (x > 0.3), 60 * x / (y + 0.1) % 10 < 5
    return np.where(framed, 0.8 * stripes, image)


def quality(image: Any, true: Any) -> float:
    """Return the peak signal-to-noise ratio in decibels."""
    return float(-10 * np.log10(np.mean((image - true) ** 2)))


def main() -> None:
    """Blur and restore; print how near it comes, and save the three images."""
    true = scene(80 if SMALL else 160)
    weights = np.exp(-(np.arange(-6, 7) ** 2) / (2 * 1.5**2))
    kernel = weights / weights.sum()
    picture = blur(true, kernel) + np.random.default_rng(0).normal(0, 5e-3, true.shape)
    image, descent = picture.copy(), optim.Nesterov(lr=0.2)
    state = descent.init(image)
    print("\n step     loss     dB")
    for step in range(101 if SMALL else 301):
        value, slope = loss(image, picture, kernel, 5e-4)
        if step % 50 == 0:
            print(f"{step:5} {value:8.4f} {quality(image, true):6.2f}")
        descent.step(slope, state, image)
    row = np.clip(255 * np.hstack([true, picture, image]), 0, 255).astype(np.uint8)
    header = f"P5 {row.shape[1]} {row.shape[0]} 255\n"
    Path("deblur.pgm").write_bytes(header.encode() + row.tobytes())
    print("\ndeblur.pgm has the true, the blurred and the restored image")
    assert quality(image, true) > quality(picture, true) + 0.5


if __name__ == "__main__":
    main()
