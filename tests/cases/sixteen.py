"""The sixteen programs of the README's table, as `benchmarks` runs them."""

import numpy as np

from benchmarks.programs.sixteen import SIXTEEN, point
from tests.cases import case

for function in SIXTEEN:
    kink = function.__name__ == "norm_of_zeros"  # constant, but made of a kink
    expected = {"smooth": False, "expected": np.zeros_like} if kink else {}
    case(lambda rng: (point() + 0.01 * rng.normal(size=5),), **expected)(function)
