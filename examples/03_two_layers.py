"""Work a network of two layers by hand, line by line, and by srcgrad.

The chain rule goes through the lines of the function from the last to the first, and
each line by hand is one line of the backward that srcgrad prints. The tutorials round
to two digits on the way; their figures stand beside the exact ones.
"""

print("pip install -e . && python examples/03_two_layers.py")

import math

import srcgrad

TUTORIAL = {"d_w2": -0.257, "d_b2": -0.234, "d_w1": -0.140, "d_b1": -0.070}
RULES = {
    "loss": "(y - target)**2", "d_y": "2 * (y - target)", "d_z2": "d_y * y * (1-y)",
    "d_w2": "d_z2 * h", "d_b2": "d_z2", "d_h": "d_z2 * w2", "d_z1": "d_h, as z1 > 0",
    "d_w1": "d_z1 * x", "d_b1": "d_z1",
}  # fmt: skip


def relu(z: float) -> float:
    """Return z where it is positive, else 0."""
    return max(z, 0.0)


def sigmoid(z: float) -> float:
    """Return the logistic function of z."""
    return 1 / (1 + math.exp(-z))


def loss(w1: float, b1: float, w2: float, b2: float, x: float, target: float) -> float:
    """Return the squared error of a network with one hidden unit."""
    h = relu(w1 * x + b1)
    y = sigmoid(w2 * h + b2)
    return (y - target) ** 2


def by_hand(
    w1: float, b1: float, w2: float, b2: float, x: float, target: float
) -> dict[str, float]:
    """Apply the chain rule from the last line to the first."""
    z1 = w1 * x + b1
    h = max(z1, 0.0)
    z2 = w2 * h + b2
    y = 1 / (1 + math.exp(-z2))
    d_y = 2 * (y - target)  # of the square
    d_z2 = d_y * y * (1 - y)  # of the sigmoid
    d_w2, d_b2, d_h = d_z2 * h, d_z2, d_z2 * w2  # of the second layer
    d_z1 = d_h if z1 > 0 else 0.0  # of the ReLU
    d_w1, d_b1 = d_z1 * x, d_z1  # of the first layer
    found = [(y - target) ** 2, d_y, d_z2, d_w2, d_b2, d_h, d_z1, d_w1, d_b1]
    return dict(zip(RULES, found, strict=True))


def main() -> None:
    """Print the drawing, the backward, and the figures side by side."""
    values = (0.5, 0.1, 0.3, -0.2, 2.0, 1.0)
    both = srcgrad.value_and_grad(loss, argnums=(0, 1, 2, 3), backend="python")
    value, slopes = both(*values)
    print(f"\n{both.graph(*values)}\n\n{both.backward_source}")
    ours = {"loss": value, "d_w1": slopes[0], "d_b1": slopes[1], "d_w2": slopes[2]}
    ours["d_b2"] = slopes[3]
    print("                           by hand   srcgrad  tutorial")
    for name, exact in by_hand(*values).items():
        mine = f"{ours[name]:9.5f}" if name in ours else ""
        rounded = f"{TUTORIAL[name]:9.3f}" if name in TUTORIAL else ""
        print(f"{name:4} = {RULES[name]:17} {exact:9.5f} {mine} {rounded}".rstrip())
        assert name not in ours or math.isclose(ours[name], exact, rel_tol=1e-12)
    both.graph(*values, unfold=True).save("two_layers.svg")
    print("\nThe picture with relu and sigmoid unfolded is in two_layers.svg.")


if __name__ == "__main__":
    main()
