"""The chain rule, by hand and by srcgrad: two compositions and their derivatives.

The derivative of outer(inner(x)) is outer'(inner(x)) * inner'(x). The backward that
srcgrad prints is just that: one line for each factor, from the result to `x`.
"""

print("pip install -e . && python examples/01_chain_rule.py")

import srcgrad


def first(x: float) -> float:
    """Square a line: with u = 3x + 2 the derivative is 2u * 3 = 6 (3x + 2)."""
    u = 3 * x + 2
    return u**2


def second(x: float) -> float:
    """Square another line: with u = 2x + 3 the derivative is 2u * 2 = 4 (2x + 3)."""
    u = 2 * x + 3
    return u**2


def main() -> None:
    """Print each derivative by hand, by srcgrad, and as a difference quotient."""
    for f, by_hand in (
        (first, lambda x: 6 * (3 * x + 2)),
        (second, lambda x: 4 * (2 * x + 3)),
    ):
        both = srcgrad.value_and_grad(f, backend="python")  # nothing is compiled
        print(f"\n{f.__doc__}\n")
        print("    x    f(x)   by hand   srcgrad   (f(x + h) - f(x - h)) / 2h")
        for x in (-1.0, 0.0, 1.0, 2.0):
            value, slope = both(x)
            quotient = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
            print(f"{x:5g} {value:7g} {by_hand(x):9g} {slope:9g} {quotient:17.6f}")
            assert slope == by_hand(x)
        print(f"\nThe backward that was run:\n\n{both.backward_source}", end="")


if __name__ == "__main__":
    main()
