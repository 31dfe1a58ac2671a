"""Draw a computation graph: values forward, gradients backward, and one step downhill.

The first is L = (x*w - target)**2 at x = 2, w = 3, target = 2. Forward: x*w is 6, the
difference 4, the loss 16. Backward, from the right: the loss has the gradient 1, the
square hands on 2*4 = 8, the difference hands it on as it is, and the product gives
8*w = 24 to x and 8*x = 16 to w. A step of 0.1 against 16 takes w from 3 to 1.4.
"""

print("pip install -e . && python examples/02_graph.py")

import srcgrad


def loss(x: float, w: float, target: float) -> float:
    """Return the squared error of a product."""
    prediction = x * w
    return (prediction - target) ** 2


def scaled_sum(x: float, y: float, w: float) -> float:
    """Return a sum times a factor: its parts share one gradient, w."""
    return (x + y) * w


def main() -> None:
    """Draw both graphs, print the backward, and go a step downhill."""
    x, w, target, rate = 2.0, 3.0, 2.0, 0.1
    slope = srcgrad.grad(loss, argnums=(0, 1), backend="python")
    d_x, d_w = slope(x, w, target)
    drawing = slope.graph(x, w, target)
    print(f"\n{drawing}\n")
    drawing.save("loss.svg")
    print("The same picture is in loss.svg. The backward that was run:\n")
    print(slope.backward_source)
    print(f"d_x = {d_x:g}, d_w = {d_w:g}")
    before, w = w, w - rate * d_w
    print(f"one step: w = {before:g} - {rate:g} * {d_w:g} = {w:.3g}")
    print(f"the loss goes from {loss(x, before, target):g} to {loss(x, w, target):.3g}")
    assert (float(d_x), float(d_w), round(w, 12)) == (24.0, 16.0, 1.4)

    print(
        "\nA sum hands its gradient on to both of its parts, a product crosses over:\n"
    )
    print(srcgrad.graph(scaled_sum, 1.0, 2.0, 3.0))


if __name__ == "__main__":
    main()
