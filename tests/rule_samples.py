"""Operands for every row of the table of operations.

Elementwise rows get every combination of shapes that broadcasts; what else there is
stands in SAMPLES, row by row. A row that has neither is an error of the test.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from srcgrad.builder import const
from srcgrad.ir import Function, Operand, Value
from srcgrad.ops import ROWS
from srcgrad.types import Array, Dim, Scalar
from tests.maker import Maker, arguments, make

# `=3` is the number 3 in the text; `n` is 4 and `m` 3, known only when it runs.
SHAPES = {
    1: ("float", "float64", "n", "m,n", "1", "0", "2,3,2"),
    2: ("float", "float64", "n", "1", "m,n", "m,1", "1,n", "1,1", "0"),
    3: ("float", "n", "m,n", "m,1"),
}
# Rows of Python's numbers alone, of integers, and of truth values.
NUMBERS = {"max2", "min2", "to_int", "math_floor", "math_ceil", "math_trunc", "not_",
           "round_to", "complex_of"}  # fmt: skip
# What `tests/test_draws.py` has programs for: a Generator is no operand to choose.
DRAWS = {n for n in ROWS if n.startswith("draw_")} | {"advance"}
INTEGERS = {"bitand", "bitor", "bitxor", "lshift", "rshift"}
TRUTHS = {"invert", "not_"}
# Their second operand is what this row gives for the first.
PARTS = {"eigh_values": "eigh_parts", "eigh_vectors": "eigh_parts",
         "eig_values": "eig_parts", "eig_vectors": "eig_parts", "qr_q": "qr_parts",
         "qr_r": "qr_parts", "svd_u": "svd_parts", "svd_s": "svd_parts",
         "svd_vh": "svd_parts"}  # fmt: skip
# Where x lies decides what is computed: these samples keep away from the border.
FAR: dict[str, Callable[..., Any]] = {
    "clip": lambda x, lo, hi: (x, 0.4 * lo, 0.4 * hi + 0.8),
    "mod": lambda x, y: (7.3 * x, y),
    "floordiv": lambda x, y: (7.3 * x, y),
    "fmod": lambda x, y: (7.3 * x, y),
    "huber": lambda delta, r: (0.2 * delta, r),
    "comb": lambda n, k: (n + 1.7, k),
    "gamma": lambda x: (x + 0.1,),
}


@dataclass(frozen=True)
class Sample:
    """The operands of one use of a row.

    `specs` are types as `tests.maker` reads them; `attrs` the attributes; `given` takes
    the place of random operands; `listed` puts the parts of the operand into a list.
    """

    row: str
    specs: tuple[str, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    given: tuple[Any, ...] | None = None
    listed: bool = False

    def __str__(self) -> str:
        """Return a name for the test."""
        attrs = "".join(f" {k}={v}" for k, v in self.attrs.items())
        return f"{self.row}({' '.join(self.specs)}){attrs}".replace("::", ":")

    def function(self, narrow: bool = False) -> Function:
        """Return the row as a function of its operands; in float32 if `narrow`."""
        specs = [s for s in self.specs if s[0] != "="]
        if narrow:
            specs = [_narrow(s) for s in specs]

        return make(
            lambda b, *given: [self.apply(b, given, narrow)], specs, f"{self.row}_row"
        )

    def apply(self, b: Maker, given: Sequence[Value], narrow: bool = False) -> Operand:
        """Write the row, applied to the first of these values."""
        left = iter(given)
        args = [const(_literal(s)) if s[0] == "=" else next(left) for s in self.specs]
        if self.row in PARTS:
            args.append(b.op(PARTS[self.row], *args, name="p", **self.attrs))
        if self.listed:
            args = [_listed(b, given[0])]
        attrs = dict(self.attrs)
        if narrow and attrs.get("dtype") == "float64":
            attrs["dtype"] = "float32"
        out: Operand = b.op(self.row, *args, name="z", **attrs)
        return out

    def arguments(self, f: Function, seed: int) -> list[Any]:
        """Return operands for the function."""
        if self.given is not None:
            kinds = [np.dtype(p.type.dtype) for p in f.params]
            return [x.astype(d) if isinstance(x, np.ndarray) else x
                    for x, d in zip(self.given, kinds, strict=True)]  # fmt: skip
        args = arguments(f, seed, *ROWS[self.row].domain)
        if self.row in FAR:
            found = FAR[self.row](*args)
            return [np.asarray(x).astype(np.asarray(y).dtype)
                    if isinstance(y, np.ndarray) else type(y)(x)
                    for x, y in zip(found, args, strict=True)]  # fmt: skip
        return args


def _literal(spec: str) -> Any:
    return float(spec[1:]) if "." in spec else int(spec[1:])


def _narrow(spec: str) -> str:
    if spec in ("float", "float64"):
        return "float32"
    named = ":" in spec or spec[0] in "bi"
    return spec if named else f"float32:{spec}"


def _listed(b: Maker, x: Value) -> Value:
    """Return a list of the first three items of an array."""
    item: Any = Scalar(x.type.dtype)
    if x.type.rank > 1:
        assert isinstance(x.type, Array)
        item = Array(x.type.dtype, x.type.dims[1:])
    items = b.op("new_list", item=item, name="items")
    for k in range(3):
        place = b.at(k) if x.type.rank == 1 else b.at(k, *_rest(x))
        part = b.read(x, place) if x.type.rank == 1 else b.op("copy", b.view(x, place))
        items = b.push(items, part)
    return items  # type: ignore[no-any-return]


def _rest(x: Value) -> list[Any]:
    from tests.maker import part

    return [part()] * (x.type.rank - 1)


def samples(name: str) -> list[Sample]:
    """Return the samples of a row, none if it has none."""
    row = ROWS[name]
    if name in SAMPLES:
        return [replace(s, row=name) for s in SAMPLES[name]]
    if row.kind != "elementwise":
        return []
    shapes = ("float",) if name in NUMBERS else SHAPES[len(row.params)]
    found = []
    for specs in itertools.product(shapes, repeat=len(row.params)):
        if _broadcast(specs):
            found.append(Sample(name, tuple(_kinds(name, specs))))
    return found


def _kinds(name: str, specs: tuple[str, ...]) -> Iterator[str]:
    for k, spec in enumerate(specs):
        dtype = "int64" if name in INTEGERS else "bool" if name in TRUTHS else "float64"
        if name == "where" and k == 0:
            dtype = "bool"
        if dtype == "float64":
            yield spec
        elif spec.startswith("float"):
            yield "int" if (dtype, spec) == ("int64", "float") else dtype
        else:
            yield f"{dtype}:{spec}"


def _broadcast(specs: tuple[str, ...]) -> bool:
    """Tell whether the shapes broadcast."""
    shapes = [s.split(",") for s in specs if not s.startswith("float")]
    for sizes in itertools.zip_longest(*(reversed(s) for s in shapes), fillvalue="1"):
        if len({s for s in sizes if s != "1"}) > 1:
            return False
    return True


def _of(
    *operands: str, given: Any = None, listed: bool = False, **options: Any
) -> list[Sample]:
    """Return a sample for each list of operands and each combination of attributes."""
    found = []
    for specs in operands:
        for values in itertools.product(*options.values()):
            attrs = dict(zip(options, values, strict=True))
            found.append(Sample("", tuple(specs.split()), attrs, given, listed))
    return found


BOTH = (False, True)
AXES = (None, (0,), (1,))
DTYPES = ("float64", "float32", "int64", "bool")
INF = np.inf
# Symmetric but for a little, its eigenvalues real and far apart.
SPREAD = np.array([[6.0, 0.5, 0.2, 0.7], [0.45, 4.0, 0.6, 0.3], [0.25, 0.55, 2.2, 0.4],
                   [0.65, 0.35, 0.5, 1.0]])  # fmt: skip
SQUARE = np.array([[2.0, -1.0, 0.5], [0.3, 1.5, -0.7], [0.9, 0.4, -2.0]])
SINGULAR = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [0.5, -1.0, 2.0]])
WIDE = np.array([[0.3, -1.1, 0.7], [1.9, 0.2, -0.4], [0.8, 1.3, -0.9]])

SLID = ("full", "same", "valid")
POINTS, SAMPLED = np.array([-0.4, 0.1, 1.7, 0.6]), np.array([1.0, -0.5, 2.0, 0.3])
KNOTS = np.array([-0.1, 0.4, 0.9, 1.5])

_REDUCED = [
    *_of("m,n", "1,n", axis=AXES, keepdims=BOTH),
    *_of("2,3,2", axis=((0, 2), (1, 2), (1,), (0, 1, 2)), keepdims=BOTH),
    *_of("n", "1", axis=(None, (0,)), keepdims=BOTH),
]
_SIGNED = _of(
    "3,2 3,2",
    given=(
        np.array([[0.3, -0.4], [1.2, 0.8], [0.1, 0.7]]),
        np.array([[0.5, -1.4], [-1.2, 0.6], [0.3, -0.2]]),
    ),
    axis=AXES,
    keepdims=BOTH,
)
_COUNTED = [*_REDUCED, *_of("bool:m,n", "int64:m,n", axis=AXES)]
_PLACED = [
    *_of("m,n", axis=(None, 0, 1), keepdims=BOTH),
    *_of("n"),
    *_of("2,3,2", axis=(1,)),
]
_VARIED = [
    *_of("m,n", axis=AXES, ddof=(0, 1), keepdims=BOTH),
    *_of("2,3,2", axis=((0, 2), (1,)), ddof=(0, 1), keepdims=BOTH),
    *_of("n", ddof=(0, 1)),
]
_ALONG = [
    *_of("2,3,2", axis=(0, 1, 2, None)),
    *_of("n", "1", "0"),
    *_of("int64:m,n", axis=(1,)),
]
_SORTED = [
    *_of("2,3,2", axis=(0, -1, 1, None)),
    *_of("n", kind=(None, "stable")),
    *_of("0"),
]
_STRIDES: dict[str, Any] = {"stride": ((1, 1), (2, 1)), "dilation": ((1, 1), (1, 2))}
_POOLED: dict[str, Any] = {"size": [(2, 2)], "stride": ((2, 2), (1, 2))}
PLACES = np.array([0, 3, 1, 2, 2, 0, 3, 1], np.int16).reshape(1, 2, 2, 2)
IMAGE = np.linspace(-1.0, 1.0, 40).reshape(1, 4, 5, 2) ** 3
EQUAL = np.array([[1, 1, 2], [1, 2, 2]])
# Knots of ints stay where they are; two of the points lie outside of them.
STEPS, ENDS = np.array([0, 0, 0, 0, 1, 3, 4, 4, 4, 4]), np.array([0, 0, 0, 2, 3, 3, 3])
SLANTED = np.linspace(-1.0, 2.0, 12).reshape(3, 4) ** 2
SPOTS, HEIGHTS = np.array([0.4, -0.3, 3.2, 4.1]), np.linspace(-1.0, 1.0, 6) ** 3
_READ: dict[str, Any] = {"der": (0, 1, 3), "ext": (0, 1, 3)}
_SLOPES: dict[str, Any] = {"ky": [2], "dx": (0, 1, 3), "dy": (0, 1)}
_SPOTS = SPOTS[:3] ** 2, np.array([-0.2, 0.4, 1.1, 2.7])
_CUT = [*_of("3,3", "m,n", k=(0, 1, -1)), *_of("2,3,3")]

# Kernels of their own, each of numbers: how they broadcast is the business of others.
SPECIAL = (
    "erfcx erfcx_slope erfinv erfcinv ndtr log_ndtr ndtri logit log_expit entr exp10 "
    "cosm1 exprel exprel_slope gamma loggamma factorial j0 j1 y0 y1 i0 i1 i0e i1e k0 "
    "k1 k0e k1e exp1 expi dawsn erfi ellipk ellipkm1 ellipe rgamma sindg cosdg tandg "
    "cotdg numpy_i0"
).split()
SPECIAL_OF_TWO = (
    "xlog1py rel_entr kl_div boxcox huber pseudo_huber beta betaln binom comb poch"
).split()
# The first is a whole order, or any that is constant; others have no derivative.
OF_ORDER = "yn kn expn eval_chebyt eval_chebyu eval_legendre eval_laguerre".split()
OF_ORDER += ["eval_hermite", "eval_hermitenorm"]
OF_PARAMETER = (
    "jv yv iv ive kv kve struve hyp0f1 gammainc gammaincc gammaincinv gammainccinv "
    "chdtr chdtrc chdtri stdtr stdtrit pdtr pdtrc"
).split()
OF_PARAMETERS = ("betainc betaincc betaincinv hyp1f1 hyperu fdtr fdtrc fdtri").split()

SAMPLES: dict[str, list[Sample]] = {
    **{name: _of("float", "m,n") for name in SPECIAL},
    **{name: _of("float n", "m,1 1,n") for name in SPECIAL_OF_TWO},
    **{name: _of("int float", "=2 m,n", "=0 n", "=1 n") for name in OF_ORDER},
    **{name: _of("=2.5 float", "=0.5 m,n", "=1 0") for name in OF_PARAMETER},
    **{name: _of("=2.5 =0.5 float", "=0.5 =1.5 m,n") for name in OF_PARAMETERS},
    "hyp2f1": _of("=2.5 =0.5 =1.7 float", "=0.5 =0.5 =2.0 m,n"),
    "ellipkinc": _of("float =0.3", "m,n =-0.7"),
    "ellipeinc": _of("float =0.3", "m,n =-0.7"),
    "gdtr": _of("float =1.5 float", "m,1 =0.7 n"),
    "gdtrc": _of("float =1.5 float", "m,1 =0.7 n"),
    "radian": _of("float n float"),
    "spline": _of("n int64:10 6", given=(SPOTS, STEPS, HEIGHTS), **_READ),
    "spline_spread": _of("n n int64:10 =6", given=(HEIGHTS[:4], SPOTS, STEPS), **_READ),
    "bispline": _of(
        "m n int64:10 int64:7 24",
        given=(np.sort(_SPOTS[0]), _SPOTS[1], STEPS, ENDS, np.cos(np.arange(24.0))),
        **_SLOPES,
    ),
    "bispline_at": _of(
        "m m int64:10 int64:7 int64:24",
        given=(_SPOTS[0], SPOTS[:3], STEPS, ENDS, np.arange(24) ** 2 % 7),
        **_SLOPES,
    ),
    "pieces": _of(
        "n int64:3 int64:4,2",
        given=(
            SPOTS[[0, 2, 1, 0]] * 0.9,
            np.array([0, 1, 3]),
            STEPS[1:9].reshape(4, 2),
        ),
        der=(0, 1, 4),
        beyond=BOTH[1:],
    ),
    "lfilter": [
        *_of("3 2 m,n", "1 3 m,n"),
        *_of("5 int64:1 m,n", given=(SPOTS[[0, 1, 2, 0, 1]], np.array([2]), SLANTED)),
    ],
    "lagged": _of("m,n m,n =3", "m,n m,n =1", "m,n m,n int"),
    "b_spline": _of(
        "n int64:10 int64:6",
        given=(SPOTS, STEPS, np.arange(6) ** 2 % 5),
        der=(0, 1, 3),
        beyond=BOTH[1:],
    ),
    "beta_pdf": _of("float =1.5 float", "m,1 =0.7 n"),
    "binom_pmf": _of("=2 =5 float", "=0 =3 n"),
    "bispline_spread": _of(
        "m,n m n int64:10 int64:7 =24",
        given=(
            np.cos(np.arange(12.0)).reshape(3, 4),
            np.sort(_SPOTS[0]),
            _SPOTS[1],
            STEPS,
            ENDS,
        ),
        **_SLOPES,
    ),
    "voigt_profile": _of("float float64 float", "m,n 1,n =0.3", "n float n"),
    "wofz": _of("float", "m,n"),
    "lambertw": _of("float", "m,n", k=(0, 2)),
    "inv_boxcox": _of("float =0.3", "m,n =0.0"),
    "eval_gegenbauer": _of("int =1.5 float", "=2 =0.3 m,n"),
    "eval_genlaguerre": _of("int =1.5 float", "=2 =0.3 m,n"),
    "eval_jacobi": _of("int =1.5 =0.5 float", "=2 =0.3 =0.7 m,n"),
    "copy": _of("n", "m,n", "0"),
    "cast": [
        *_of("n", dtype=("float64", "int64", "bool")),
        *_of("float", "float32:n", "int64:n", "bool", dtype=["float64"]),
        *_of("float64", dtype=["float64"], python=[True]),
        *_of("bool:n", dtype=["int64"]),
    ],
    "ldexp": _of(
        "float =3", "float64 int", "n =-2", "m,n int64:n", "1 int64:n", "0 int"
    ),
    "round_to": _of("float =2", "float =0", "float =-1", "float int"),
    "zeros": [*_of("=2 =3", dtype=DTYPES), *_of("int")],
    "ones": [*_of("=2 =3", dtype=DTYPES), *_of("int")],
    "empty": _of("=0 =3", "=0", dtype=DTYPES),
    "zeros_like": _of("m,n", dtype=DTYPES),
    "ones_like": _of("m,n", dtype=DTYPES),
    "empty_like": _of("0", "0,3", dtype=("float64", "int64")),
    "full": _of("float =3 =2", "float64 int", "float =0", "int64 =2", "bool =2"),
    "full_like": _of("n float", "m,n float64"),
    "linspace": _of(
        "float float =5",
        "float64 float64 int",
        "float float =1",
        "float float =0",
        endpoint=BOTH,
    ),
    "arange": [
        *_of("float float float", given=(0.3, 2.35, 0.4)),
        *_of("int =9 =2", "=1 int =1", "=5 =0 =-2", "=4 =4 =1"),
    ],
    "eye": [
        *_of("=3", "int", dtype=("float64", "float32")),
        *_of("=3 =4", "int =2", k=(0, 1, -2)),
        *_of("=2 =3", dtype=["int64"]),
    ],
    "pack": _of("float float float", "float64", "int64 float"),
    "dim": _of("m,n", axis=(0, 1)),
    "computed": _of("m,n", "float", "int"),
    "slice_length": [
        Sample("", ("=7", "=1", "=6", "=2"), {"given": (True, True, True)}),
        Sample("", ("int", "=-2"), {"given": (True, False, False)}),
    ],
    "subscript": _of("=2 =5", "=-1 =5", "int =9"),
    "limit": _of("=-3 =10", "=30 =10", "=-30 int"),
    "extents": _of("=0 =3", "=0"),
    "parts": _of(
        "=100 =9000000 =0 =20000",
        "=5 int =2 =8",
        "=99 =9000000 =6000 =9",
        "=100 =9000000 =0 =3000000",
    ),
    "range_length": _of("=0 int =2", "=5 =0 =-2", "=5 int =1"),
    "trips": _of("=0 int =2", "=5 =0 int", "=5 int =0"),
    "new_list": _of("", item=(Scalar("float64"), Array("float64", (Dim(2),)))),
    "length": _of("n", "n,2", listed=True),
    "emptied": _of("n", listed=True),
    "zeros_items": _of("n,2", listed=True),
    "pack_list": _of("n", "n,2", listed=True),
    "sort": _SORTED,
    "argsort": _SORTED,
    "ranked": [*_of("2,3,2", axis=(0, 1, -1)), *_of("n", "0")],
    "tie_means": [
        *_of("5 int64:5", given=(np.arange(5.0), np.array([1, 1, 2, 3, 3]))),
        *_of("2,3 int64:2,3", given=(np.arange(6.0).reshape(2, 3), EQUAL), axis=(0, 1)),
    ],
    # All places are asked for: the order of the others is NumPy's own affair.
    "partition": _of("m,n =0 =1 =2", "n =2 =1 =-4", axis=[-1]),
    "argpartition": _of("m,n =0 =1 =2", axis=(0, -1)),
    "sum_where": [
        *_of("m,n float bool:m,n", axis=AXES, keepdims=BOTH),
        *_of("m,n float bool:n", "2,3,2 float bool:3,1", "n float bool"),
    ],
    "take_along_axis": [
        *_of("3,4 int64:2,4", "n int64:3", axis=[0]),
        *_of("m,4 int64:m,2", "2,3,2 int64:2,1,2", axis=[1]),
    ],
    "spread_along": [
        *_of("3,4 int64:3,4 =5", "n int64:n int", axis=[0]),
        *_of("m,4 int64:m,4 =2", axis=[1]),
    ],
    "searchsorted": _of("n m", "n float64", side=("left", "right")),
    "flatnonzero": _of("bool:n", "m,n", "int64:5"),
    "sum": [*_COUNTED, *_of("0", axis=(None, (0,))), *_of("0,3", axis=AXES)],
    "mean": _COUNTED,
    "prod": [*_COUNTED, *_of("0,3", axis=AXES)],
    "max": [*_COUNTED, *_of("0,3", axis=[(1,)])],
    "min": [*_COUNTED, *_of("0,3", axis=[(1,)])],
    "argmax": _PLACED,
    "argmin": _PLACED,
    "var": _VARIED,
    "std": _VARIED,
    "logsumexp": _REDUCED,
    "logsumexp_weighed": [*_of("m,n m,n", axis=AXES, keepdims=BOTH), *_of("n 1")],
    "logsumexp_absolute": [*_SIGNED, *_of("m,n 1,n", axis=[(1,)])],
    "logsumexp_sign": _SIGNED,
    "length_of": _of("float float float", "float", "float int float float"),
    "length_of_all": _of("n", "1"),
    "fsum": _of("n", "1", "0"),
    "softmax": [*_of("m,n", axis=AXES), *_of("2,3,2", axis=((0, 2), (1,))), *_of("n")],
    "log_softmax": [*_of("m,n", axis=AXES), *_of("2,3,2", axis=[(0, 2)]), *_of("n")],
    "any": _COUNTED,
    "all": _COUNTED,
    "count_nonzero": _COUNTED,
    "cumsum": [*_ALONG, *_of("bool:n")],
    "cumprod": _ALONG,
    "exclusive_cumprod": [
        *_of("2,3,2", axis=(0, 1, 2), reverse=BOTH),
        *_of("n", "0", reverse=BOTH),
    ],
    "linear_scan": [
        *_of("2,3,2 2,3,2", axis=(0, 1, 2), reverse=BOTH),
        *_of("n n", reverse=BOTH),
    ],
    "concatenate": [
        *_of("2,3 4,3", "n m 1", "n 0", "2,3", "n int64:3"),
        *_of("2,3 2,1 2,2", "2,3,2 2,1,2", axis=[1]),
    ],
    "stack": [*_of("2,3 2,3", axis=(0, 1, 2, -1)), *_of("n n n", "n", "n int64:n")],
    "flip": [*_of("2,3,2", axis=(0, 1, 2, None)), *_of("n")],
    "flipud": _of("m,n", "n", "2,3,2"),
    "fliplr": _of("m,n", "2,3,2"),
    "roll": [
        *_of("2,3,2 =1", "2,3,2 =-2", "2,3,2 =7", "2,3,2 int", axis=(0, 1, None)),
        *_of("n int"),
    ],
    "repeat": [
        *_of("2,3,2 =2", axis=(0, 1, 2, None)),
        *_of("n int", "n =1"),
        *_of("n =0", axis=[0]),
    ],
    "tile": [
        *_of("2,3", reps=((2, 1), (1, 3), 2, (2, 1, 2), (1, 1))),
        *_of("n", reps=(2, (3, 2), 1)),
    ],
    "broadcast_to": _of("3 =2 =3", "2,1 =2 =3", "1 int", "m,1 =2 =3 =4", "1,1 =2 =3"),
    "reshape": _of("2,3 =6", "2,3,2 =3 =4", "n =2 =2", "m,n =12"),
    "tril": _CUT,
    "triu": _CUT,
    "diag": _of("3", "3,4", "m,n", "n", k=(0, 1, -1)),
    "diagonal": _of("3,4", "m,n", offset=(0, 1, -1)),
    "diagonal_matrix": [
        *_of("2 =3 =3", k=[1]),
        *_of("n =4 =5"),
        *_of("2 =3 =4", k=[-1]),
    ],
    "matmul": _of(
        "m,n n,2",
        "n n",
        "m m,2",
        "m,n n",
        "2,2,3 3,4",
        "2,3 2,3,2",
        "2,2,3 2,3,2",
        "1,2,3 2,3,2",
        "2,2,3 1,3,2",
        "2,2,3 3",
        "3 2,3,2",
        "2,1,2,3 3,3,2",
        "2,0 0,3",
        "1,n n,1",
        "n,1 1,m",
        "m,n int64:n",
        "1 1",
    ),
    "einsum": [
        *_of("m,n n,2", "m,1 n,2", "1,n n,m", subscripts=["ij,jk->ik", "ij,jk->ki"]),
        *_of("2,3,2 2,2,4", subscripts=["bij,bjk", "bij,bjk->bik", "aij,...jk"]),
        *_of("m,n m,n", subscripts=["ij,ij", "ij,ij->i", "ij,kj->jki", "ij,ik->"]),
        *_of("3,3", "m,m", subscripts=["ii", "ii->i", "ij->j"]),
        *_of("3,2,3 2", subscripts=["iji,j", "iji,j->i"]),
        *_of("2,3 3,2 2,2", subscripts=["ij,jk,kl->il", "ab,ba,aa->b"]),
        *_of("n float", "0 float", subscripts=["i,->i", "i,"]),
        *_of("m,n n", subscripts=["ij,j"], optimize=[True]),
        *_of("n int64:n", subscripts=["i,i->i"]),
    ],
    "convolve": _of("5 3", "n m", "2 4", "n n", "1 m", mode=SLID),
    "correlate": _of("5 3", "n m", "2 4", "3 4", "n 1", "n int64:n", mode=SLID),
    "sliding_windows": [
        *_of("2,5,3 =2", "2,3,2 =1", axis=(0, 1, 2)),
        *_of("n =2", "m,n int", axis=[0]),
    ],
    "interp": [
        *_of("4 n n", "4 4 4", given=(POINTS, KNOTS, SAMPLED)),
        *_of("2,2 n n", given=(POINTS.reshape(2, 2), KNOTS, SAMPLED)),
        *_of("float64 n n", given=(0.7, KNOTS, SAMPLED)),
    ],
    "inner": _of("2,3 4,3", "n n", "m,n n", "n m,n"),
    "outer": _of("n m", "n 1", "0 m"),
    "vdot": _of("2,3 2,3", "n n"),
    "matvec": _of("2,3 3", "m,n n", "2,2,3 3", "2,3 2,3"),
    "vecmat": _of("3 3,2", "n n,m", "2,3 2,3,2", "2,3 3,2"),
    "vecdot": _of("2,3 3", "m,n m,n", "3 2,3"),
    "trace": _of("3,4", "m,n", "3,3", offset=(0, 1, -1)),
    "norm": [
        *_of("n", ord=(None, 1, 2, INF), keepdims=BOTH),
        *_of("m,n", axis=AXES, keepdims=BOTH),
        *_of("m,n", ord=["fro"]),
        *_of("m,n", ord=(1, 2, INF), axis=((0,), (1,)), keepdims=BOTH),
        *_of("2,3,2", axis=((0, 2), (1,)), keepdims=BOTH),
    ],
    "attended": [
        *_of(
            "2,3,2 2,4,2 2,4,3", "m,2 n,2 n,1", "1,2,3,1 1,2,3,1 1,2,3,2", causal=BOTH
        ),
        *_of(
            "2,3,2 2,4,2 2,4,1 bool:3,4", "2,2,3,2 2,2,2,2 2,2,2,1 2,1,1,2", causal=BOTH
        ),
        *_of("2,2,3,2 2,2,2,2 2,2,2,1 bool:2,3,1", "3,2 4,2 4,0", "2,0,2 2,1,2 2,1,1"),
    ],
    "attention_weights": [
        *_of("2,3,2 2,4,2", "m,2 n,2", "2,3,2 2,4,2 bool:3,4", causal=BOTH),
        *_of("2,2,3,2 2,2,2,2 2,1,1,2", "0,2 1,2"),
    ],
    "attention_slopes": [
        *_of("2,3,2 2,4,2 2,4,3 2,3,3", "m,2 n,2 n,1 m,1", causal=BOTH),
        *_of("2,3,2 2,4,2 2,4,1 2,3,1 bool:3,4", "3,2 2,2 2,1 3,1 1,2"),
    ],
    "normed": _of("2,3,4 =0.1", "n float", "m,n float64", "2,1 =1.0", "0,3 =0.1"),
    "normed_slope": _of("2,3,4 2,3,4 =0.1", "n n float", "m,n m,n float64"),
    "conv_nhwc": [
        *_of("2,4,5,2 2,2,2,3 =1 =0 =2 =3", **_STRIDES),
        *_of("n,4,4,1 3,2,1,2 =0 =1 =2 =5"),
        *_of("1,4,4,1 2,2,1,2 =-1 =-1 =2 =2"),
        *_of("1,3,3,4 2,1,2,2 =0 =0 =2 =3", groups=[2]),
        *_of("0,4,4,1 2,2,1,2 =0 =0 =3 =3"),
    ],
    "conv_nhwc_input": [
        *_of("2,2,3,3 2,2,2,3 =1 =0 =4 =5", **_STRIDES),
        *_of("n,2,5,2 3,2,1,2 =0 =1 =4 =4"),
        *_of("1,2,2,2 2,2,1,2 =-1 =-1 =4 =4"),
        *_of("1,2,3,2 2,1,2,2 =0 =0 =3 =3", groups=[2]),
    ],
    "conv_nhwc_weights": [
        *_of("2,4,5,2 2,2,3,3 =1 =0 =2 =2 =2", **_STRIDES),
        *_of("n,4,4,1 n,2,5,2 =0 =1 =3 =2 =1"),
        *_of("1,4,4,1 1,2,2,2 =-1 =-1 =2 =2 =1"),
        *_of("1,3,3,4 1,2,3,2 =0 =0 =2 =1 =2", groups=[2]),
    ],
    "window_places": [
        *_of("1,4,5,2 =2 =2", **_POOLED),
        *_of("1,4,5,2 =3 =2", size=[(2, 3)], stride=[(1, 2)], given=(IMAGE.round(1),)),
    ],
    "window_take": _of("1,4,5,2 int16:1,2,2,2", given=(IMAGE, PLACES), **_POOLED),
    "window_sum": _of("2,4,5,2 =2 =2", **_POOLED) + _of("n,3,3,1 =1 =1", **_POOLED),
    "window_share": _of("2,2,2,2 =4 =5", **_POOLED) + _of("0,1,1,2 =3 =3", **_POOLED),
    "kept_mask": _of("=7 =0.3 =2 =3", "int =0.5 =40", "=-1 =0.25 =0 =2"),
    "window_spread": _of(
        "1,2,2,2 int16:1,2,2,2 =4 =5", given=(IMAGE[:, :2, :2], PLACES), **_POOLED
    ),
    "fft": [
        *_of("n", "m,n", norm=(None, "ortho", "forward")),
        *_of("2,5,2", axis=(0, 1)),
        *_of("m,n", axis=(0, 1)),
        *_of("1", "17", "12"),
    ],
    "ifft": [
        *_of("n", "m,n", norm=(None, "ortho", "forward")),
        *_of("2,5,2", axis=(0, 1)),
        *_of("n,m", "1", "17"),
    ],
    "rfft": [
        *_of("n", "5", "m,n", norm=(None, "ortho", "forward")),
        *_of("2,5,2", axis=(0, 1)),
        *_of("1", "2", "17"),
    ],
    "irfft": [
        *_of("3 =4", "3 =5", "n,3 =5", norm=(None, "ortho", "forward")),
        *_of("2,3,2 =4", "2,3,2 =5", axis=[1]),
        *_of("3,2 =4", axis=[0]),
        *_of("1 =1", "2 =2", "9 =17"),
    ],
    "resized": [
        *_of("2,3,2 =2", "2,3,2 =4", "2,3,2 int", axis=(0, 1, 2)),
        *_of("n =2", "n =7", "n int", "n =0"),
    ],
    "solve": [
        *_of("3,3 3", "3,3 3,2", "n,n n", "1,1 1"),
        *_of("2,3,3 2,3,2", "3,3 2,3,2", "2,1,3,3 2,3,1"),
        *_of("3,3 3,3", given=(SQUARE, WIDE)),
    ],
    "inv": [
        *_of("2,3,3"),
        *_of("3,3", given=(SQUARE,)),
        *_of("1,1"),
        *_of("2,2", given=(SQUARE[:2, :2],)),
    ],
    "eigh_parts": [*_of("4,4", UPLO=["L"], given=(SPREAD,)), *_of("2,3,3", "0,0")],
    "eigh_values": [*_of("4,4", UPLO=["L", "U"], given=(SPREAD,)), *_of("2,3,3")],
    "eigh_vectors": [*_of("4,4", given=(SPREAD,)), *_of("2,3,3")],
    "eigvalsh": [*_of("4,4", UPLO=["L", "U"], given=(SPREAD,)), *_of("2,3,3")],
    "cholesky": [
        *_of("4,4", upper=[False, True], given=(SPREAD @ SPREAD.T,)),
        *_of("2,4,4", given=(np.stack([SPREAD @ SPREAD.T, SPREAD.T @ SPREAD]),)),
    ],
    "eig_parts": [*_of("4,4", given=(SPREAD,)), *_of("0,0")],
    "eig_values": [
        *_of("4,4", given=(SPREAD,), real=BOTH),
        *_of("2,4,4", given=(np.stack([SPREAD, SPREAD.T]),)),
    ],
    "eig_vectors": [
        *_of("4,4", given=(SPREAD,), real=[True]),
        *_of("2,4,4", given=(np.stack([SPREAD, SPREAD.T]),), real=[True]),
    ],
    "eigvals": [
        *_of("4,4", given=(SPREAD,)),
        *_of("2,4,4", given=(np.stack([SPREAD, SPREAD.T]),)),
    ],
    "qr_parts": _of("4,3", "3,4", "2,3,3", "0,3"),
    "qr_q": _of("4,3", "3,4", "n,m", "2,3,3"),
    "qr_r": _of("4,3", "3,4", "m,n", "2,3,3"),
    "svd_parts": _of("4,3", "3,4", "2,3,3", "0,3", full=[False, True]),
    "svd_u": [*_of("4,3", "3,4", "n,m", "2,3,3"), *_of("4,3", "3,4", full=[True])],
    "svd_s": [*_of("4,3", "3,4", "n,m", "2,3,3"), *_of("4,3", "3,4", full=[True])],
    "svd_vh": [*_of("4,3", "3,4", "m,n", "2,3,3"), *_of("4,3", "3,4", full=[True])],
    "svdvals": _of("4,3", "3,4", "m,n", "2,3,3"),
    "pinv": [
        *_of("4,3 =0.001", "m,n =0.001", "2,3,3 =0.001"),
        *_of("4,4 =0.001", hermitian=[True], given=(SPREAD,)),
    ],
    "lstsq": _of("4,3 4,2 =0.001", "m,n m,2 =0.001"),
    "lstsq_residuals": _of("4,3 4,2 =0.001", "3,3 3,1 =0.001"),
    "lstsq_values": _of("4,3 4,2 =0.001", "m,n m,2 =0.001"),
    "lstsq_rank": _of("4,3 4,2 =0.001"),
    "slogdet_sign": _of("3,3", "2,3,3"),
    "slogdet_phase": _of("3,3", "2,3,3"),
    "logdet": _of("3,3", "n,n", "2,3,3"),
    "solve_triangular": [
        *_of(
            "4,4 4",
            "4,4 4,2",
            trans=[0, 1],
            lower=[False, True],
            unit_diagonal=[False, True],
        ),
        *_of("n,n n,2"),
        *_of("3,3 3", trans=[2]),
    ],
    "cho_solve": _of("4,4 4", "4,4 4,2", lower=[False, True]),
    "expm": _of("3,3", "1,1", "n,n"),
    "expm_slope": _of("3,3 3,3", "1,1 1,1"),
    "multi_dot": _of("2,3 3,4", "2,3 3,4 4,5", "2,3 3,4 4,2 2,1"),
    "det": [
        *_of("3,3", "1,1", "n,n"),
        *_of("3,3", given=(SINGULAR,)),
        *_of("2,2", given=(SINGULAR[:2, :2],)),
    ],
    "cofactor": [*_of("3,3", "1,1", "2,2"), *_of("3,3", given=(SQUARE,))],
    "cofactor_slope": [
        *_of("3,3 3,3", "2,2 2,2"),
        *_of("3,3 3,3", given=(SQUARE, WIDE)),
    ],
}
