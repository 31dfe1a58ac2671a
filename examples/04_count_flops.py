"""What the backward costs: about two forwards, however many weights there are.

The generated sources, forward and adjoint, run on arrays that count the arithmetic done
with them. Differences would take a forward for each weight. The data get no gradient,
so the backward of the first layer is one product, not two: for L equal layers that
makes 2 - 1 / L forwards.
"""

print("pip install -e . && python examples/04_count_flops.py")

from typing import Any

import numpy as np

import srcgrad


class Counted(np.ndarray[Any, Any]):
    """An array that counts operations: 2 m k n for a product, else one a number."""

    flops = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **more: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Counted) else x for x in args]
        more.pop("out", None)  # a new array does as well
        out = getattr(ufunc, method)(*plain, **more)
        if ufunc is np.matmul:
            Counted.flops += 2 * plain[0].size * plain[1].shape[1]
        else:
            Counted.flops += np.size(plain[0] if method == "reduce" else out)
        return np.asarray(out).view(Counted)

    def __array_function__(self, f: Any, types: Any, args: Any, more: Any) -> Any:
        out = super().__array_function__(f, types, args, more)
        Counted.flops += np.size(out) * (f is np.where)
        return out


def loss(weights: list[Any], x: Any, target: Any) -> Any:
    """Return the mean squared error of a network with ReLU between its layers."""
    h = x
    for w in weights[:-1]:
        h = np.maximum(h @ w, 0)
    return np.mean((h @ weights[-1] - target) ** 2)


def count(source: str, *arrays: Any) -> int:
    """Run generated source; return how many operations it made."""
    space: dict[str, Any] = {}
    exec(source, space)
    function = next(f for name, f in space.items() if name.startswith("loss"))
    Counted.flops = 0
    function(*(a.view(Counted) for a in arrays))
    return Counted.flops


def main() -> None:
    """Count for networks of more and more weights."""
    rng, step = np.random.default_rng(0), srcgrad.value_and_grad(loss, backend="python")
    print("\nlayers  weights   forward flops  backward flops  ratio  by differences")
    for layers, width in ((1, 32), (2, 32), (3, 64), (5, 64), (10, 64), (20, 128)):
        weights = [rng.normal(size=(width, width)) * 0.2 for _ in range(layers)]
        x, target = rng.normal(size=(2, 64, width))
        stages = "forward", "backward"
        sources = [step.source(weights, x, target, stage=s) for s in stages]
        forward, both = (count(source, *weights, x, target) for source in sources)
        size, ratio = layers * width * width, (both - forward) / forward
        print(f"{layers:6} {size:8,} {forward:15,} {both - forward:15,} {ratio:6.2f}  "
              f"{size + 1:,} forwards")  # fmt: skip
        assert 0.95 * (2 - 1 / layers) < ratio < 1.1 * (2 - 1 / layers)
        if layers == 2:
            text = sources[1]
    print(f"\nThe adjoint of the two-layer network:\n\n{text}", end="")


if __name__ == "__main__":
    main()
