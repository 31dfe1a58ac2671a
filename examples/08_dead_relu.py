"""Dead ReLU units, and leaky ReLU, which comes back.

A step that is too large can push the bias of a unit so low that its input is negative
for every sample. A ReLU then gives 0, its slope is 0, and no gradient ever reaches it
again. The slope of a leaky ReLU is never 0. Both networks start from one set of
parameters, with biases as such a step would leave them, and learn a sine: the units of
the second are as far down, and learn.
"""

print("pip install -e . && python examples/08_dead_relu.py")

import sys
from typing import Any

import numpy as np

import srcgrad
from srcgrad import nn, optim
from srcgrad.monitor import GradientFlow
from srcgrad.train import Moment, fit

UNITS = 40


def predict(p: Any, x: Any, slope: float) -> tuple[Any, Any]:
    """Return outputs, and activations of the hidden layer; slope 0 is ReLU."""
    h = nn.leaky_relu(x @ p["w1"] + p["b1"], slope)
    return h @ p["w2"] + p["b2"], h


def loss(p: Any, x: Any, y: Any, slope: float) -> Any:
    """Return the mean squared error, and the activations for the monitor."""
    found, h = predict(p, x, slope)
    return np.mean((found - y) ** 2), {"relu1": h}


def initial() -> dict[str, Any]:
    """Return He-initialised weights, and biases pushed far down."""
    rng = np.random.default_rng(0)
    w1, w2 = rng.normal(size=(1, UNITS)), rng.normal(size=(UNITS, 1)) * 0.2
    return {"w1": w1, "b1": rng.normal(size=UNITS) - 3.0, "w2": w2, "b2": np.zeros(1)}


def curve(y: Any, found: Any) -> str:
    """Return the target as dots and what was learnt as stars, in nine rows of text."""
    rows = [[" "] * len(y) for _ in range(9)]
    for mark, values in ((".", y), ("*", found)):
        for k, value in enumerate(values):
            rows[int(np.clip(np.round(4 - 3.4 * value), 0, 8))][k] = mark
    return "\n".join("  " + "".join(row).rstrip() for row in rows)


def main() -> None:
    """Train both; print idle units as they go, what the monitor says, and curves."""
    x = np.linspace(-2, 2, 60)[:, None]
    y, steps = np.sin(2 * x), 300 if "--small" in sys.argv else 600
    step = srcgrad.value_and_grad(loss, has_aux=True, backend="python")
    for name, slope in (("ReLU", 0.0), ("leaky ReLU", 0.2)):
        flow = GradientFlow(every=steps // 6)
        print(f"\n{name}\n  step      loss  units that are 0 or less for all samples")

        def show(moment: Moment, flow: GradientFlow = flow) -> None:
            if moment.kind == "step" and flow.due(moment.step - 1):
                dead = flow.last.idle[0][2]
                bar = "#" * dead
                print(f"{moment.step:6} {moment.loss:9.4f}  {dead:3} of {UNITS} {bar}")

        batches = [(x, y, slope)] * steps
        done = fit(
            step, initial(), optim.Adam(0.02), batches, monitor=flow, callbacks=show
        )
        for finding in flow.findings() if slope == 0 else []:
            print(f"  {finding}")
        print(curve(y[:, 0], predict(done.params, x, slope)[0][:, 0]))


if __name__ == "__main__":
    main()
