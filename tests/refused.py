"""Programs that are refused, each with the text of a golden file.

A program is a module's source with a function `loss`, its arguments, and what is
called: `grad` unless it says otherwise. The texts are read as a tired user reads them:
what is wrong, where, and what to type instead.
"""

import linecache
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import srcgrad


def gradient(loss: Any, *args: Any, **options: Any) -> Any:
    """Take the gradient with respect to the first argument."""
    return srcgrad.grad(loss, backend="python", **options)(*args)


def edited(loss: Any, *args: Any) -> Any:
    """Change the function's file before its source is read."""
    name = loss.__code__.co_filename
    text = "import numpy as np\n\n\ndef other(x):\n    return x\n"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    return gradient(loss, *args)


@dataclass(frozen=True)
class Refused:
    """Hold a program, its arguments, and how it is called."""

    source: str
    args: tuple[Any, ...] = (2.0,)
    call: Callable[..., Any] = gradient
    options: dict[str, Any] = field(default_factory=dict)


def body(*lines: str, head: str = "import numpy as np\n\n\n", args: str = "x") -> str:
    """Return a module with one function `loss`."""
    return f"{head}def loss({args}):\n" + "".join(f"    {line}\n" for line in lines)


X = np.arange(1.0, 5.0)
M = np.arange(1.0, 7.0).reshape(2, 3)
ROW = [1.0, 2.0]
WITH_LIST = "import numpy as np\n\ntable = np.ones(3)\n\n\n"
SPREAD = """\
def spread(x, n):
    s = 0.0
    for k in range(n):
        if x > 0.1:
            s += spread(x / 2, n)
    return s


def loss(x, n):
    return spread(x, n)
"""
OWN = """\
from dataclasses import dataclass


{}
class C:
    a: float

    {}


def loss(x):
    c = C(x)
    {}
    return c.a
"""

REFUSED: dict[str, Refused] = {
    # SG0: the function itself
    "SG001_builtin": Refused("from math import sin as loss\n"),
    "SG002_called_already": Refused("loss = 4.0\n"),
    "SG002_class": Refused("class loss:\n    pass\n"),
    "SG002_wrapped": Refused(
        "import functools\n\n\n@functools.wraps(print)\n"
        "def loss(*args):\n    return args[0]\n"
    ),
    "SG003_edited": Refused(body("return x"), call=edited),
    # SG1: the language
    "SG101_with": Refused(body("with open(x) as f:", "    return x")),
    "SG101_frozen": Refused(
        OWN.format("@dataclass(frozen=True)", "def twice(self): ...", "c.a = 2.0 * x")
    ),
    "SG201_own_setattr": Refused(
        OWN.format("@dataclass", "def __setattr__(self, name, value): ...", "pass")
    ),
    "SG102_starred": Refused(body("return max(*x[x > 0])"), (X,)),
    "SG103_in_a_loop": Refused(SPREAD, (2.0, 3)),
    "SG103_inner": Refused(
        body("def g(x):", "    return g(x - 1)", "return g(x)"), (2.0,)
    ),
    "SG103_itself": Refused(body("return loss(x - 1)")),
    "SG105_global": Refused(body("global best", "best = x", "return x * x")),
    "SG106_try": Refused(
        body("try:", "    y = 1 / x", "except ZeroDivisionError:", "    y = 0.0",
             "return y"),
        (0.0,),
    ),
    "SG106_try_one_of_two": Refused(
        body("s = 0.0", "for k in range(3):", "    try:", "        s += 1 / (x - k)",
             "    except ZeroDivisionError:", "        pass", "try:",
             "    y = math.sqrt(x)", "except (ValueError, OverflowError) as error:",
             "    y = 0.0", "return s * y", head="import math\n\n\n"),
        (2.0,),
    ),
    "SG106_finally": Refused(
        body("try:", "    if x > 1.0:", "        return x", "    y = x * x",
             "except ValueError:", "    y = x", "finally:", "    print('done')",
             "return y")
    ),
    "SG106_warning": Refused(
        body("try:", "    y = x.sum() / x[0]", "except FloatingPointError:",
             "    y = 0.0", "return y"),
        (X,),
    ),
    "SG106_not_an_exception": Refused(
        body("try:", "    y = x.real", "except 'AttributeError':", "    y = x",
             "return y")
    ),
    "SG205_set": Refused(
        body("s = 0.0", "for k in {'a', 'b'}:", "    s += x * len(k)", "return s")
    ),
    "SG107_f_string": Refused(body("d = {f'{x:.1f}': x}", "return d['2.0']")),
    "SG402_same_after_ravel": Refused(
        body("y = x.ravel()", "return x.sum() if y is x else 2 * x.sum()"), (X,)
    ),
    "SG205_errstate_raises": Refused(
        body("with np.errstate(all='raise'):", "    return x * x")
    ),
    # SG2: functions
    "SG201_not_callable": Refused(body("y = 3.0", "return y(x)")),
    "SG201_misspelt": Refused(body("return np.tahn(x)")),
    "SG201_missing_argument": Refused(
        body("return g(x)", head="def g(x, y):\n    return x * y\n\n\n")
    ),
    "SG202_keyword": Refused(body('return np.add(x, x, signature="dd->d")'), (X,)),
    "SG202_unknown_argument": Refused(
        body("return g(x, scale=2)", head="def g(x):\n    return x\n\n\n")
    ),
    "SG203_method": Refused(body("return x.byteswap().sum()"), (X,)),
    "SG204_no_rule": Refused(body("t = np.histogramdd(x)", "return t.sum()"), (X,)),
    "SG204_fft": Refused(body("z = np.fft.hfft(x)", "return z[1]"), (X,)),
    "SG402_complex": Refused(body("y = np.zeros(3)", "y[0] = 1j * x", "return y[0]")),
    "SG205_complex": Refused(body("z = x + 1j", "return 1.0 if z < 2 else x")),
    "SG205_complex_cast": Refused(body("return float(1j * x)")),
    "SG302_complex": Refused(body("return 1j * x")),
    "SG403_complex": Refused(body("z = np.ones(3) * 1j", "z.real[0] = x", "return x")),
    "SG205_ufunc_at": Refused(
        body("y = np.ones(3)", "np.multiply.at(y, y > 0, x)", "return y.sum()"), (X,)
    ),
    "SG205_quantile": Refused(
        body("return np.quantile(x, 0.5, overwrite_input=True)"), (X,)
    ),
    "SG204_ufunc_reduce": Refused(body("return np.gcd.reduce(x)"), (X,)),
    "SG205_qr": Refused(
        body('q, r = np.linalg.qr(x, mode="complete")', "return q[0, 0]"), (M,)
    ),
    "SG205_dtype": Refused(body("y = np.zeros(3, dtype='f2')", "return y[0] * x")),
    "SG205_roll": Refused(
        body("y = np.roll(", "    x, (1, 2), axis=0)", "return y[0]"), (X,)
    ),
    "SG205_ufunc_where": Refused(body("return np.sqrt(x, where=x > 1).sum()"), (X,)),
    "SG402_ufunc_out": Refused(
        body("y = np.zeros(4, dtype=int)", "np.sqrt(x, out=y)", "return x[y[0]]"), (X,)
    ),
    "SG206_our_own": Refused(
        body("return srcgrad.hvp(abs)(x, x)", head="import srcgrad\n\n\n")
    ),
    "SG206_inner_function": Refused(
        body("f = lambda z: x * z**2", "return srcgrad.grad(f)(x)",
             head="import srcgrad\n\n\n")
    ),
    "SG203_own_iteration": Refused(
        body("return np.sum(np.array(Twice(x, x)))", head=(
            "import typing\n\nimport numpy as np\n\n\n"
            "class Pair(typing.NamedTuple):\n    a: float\n    b: float\n\n\n"
            "class Twice(Pair):\n    def __iter__(self):\n"
            "        return iter((2 * self.a, self.b))\n\n\n"))
    ),
    # SG3: arguments and results
    "SG301_int_array": Refused(body("return (x * x).sum()"), (np.arange(3),)),
    "SG302_vector": Refused(body("return x * 2"), (X,)),
    "SG302_shape_one": Refused(body("return x[:1]"), (X,)),
    "SG302_tuple": Refused(body("return x.sum(), x"), (X,)),
    "SG302_none": Refused(body("y = x * x")),
    "SG303_argnums": Refused(body("return x"), options={"argnums": 1}),
    "SG303_argnames": Refused(body("return w", args="w"), options={"argnames": "v"}),
    "SG301_text": Refused(body("return x"), ("a",)),
    "SG305_objects": Refused(body("return x[0]"), (np.array([None]),)),
    "SG305_defaultdict": Refused(
        body("return x * d['a'] * d['b']", args="x, d"),
        (2.0, defaultdict(lambda: 3.0, a=1.0)),
    ),
    "SG305_list_of_its_own": Refused(
        body("return x * d[0]", args="x, d"), (2.0, type("Mine", (list,), {})([1.0]))
    ),
    "SG305_float_of_its_own": Refused(
        body("return x * d", args="x, d"),
        (2.0, type("Own", (float,), {"__mul__": lambda self, other: 7.0})(1.0)),
    ),
    "SG305_array_of_its_own": Refused(
        body("return x * d[0]", args="x, d"),
        (2.0, np.ones(2).view(type("Own", (np.ndarray,), {"__array_ufunc__": None}))),
    ),
    "SG305_float16": Refused(body("return x.sum()"), (np.ones(2, "f2"),)),
    "SG306_option": Refused(body("return x"), options={"fast": True}),
    "SG306_backend": Refused(
        body("return x"), call=lambda f, x: srcgrad.grad(f, backend="jax")(x)
    ),
    "SG306_budget": Refused(body("return x"), options={"memory_budget": "64 MB"}),
    "SG306_parallel": Refused(body("return x"), options={"parallel": 2}),
    # SG4: names, types, memory
    "SG401_never_bound": Refused(body("return x * scale")),
    "SG401_bound_later": Refused(
        body("y = scale * x", "scale = 2.0", "return y", head="scale = 9.0\n\n\n")
    ),
    "SG401_bound_later_outside": Refused(
        body("def half(z):", "    return scale * z", "y = half(x)", "scale = 2.0",
             "return y * scale", head="scale = 9.0\n\n\n")
    ),
    "SG402_paths": Refused(
        body("y, s = 1.0, 0.0", "for v in x:", "    if v > 0:",
             "        y = slice(v)", "    s += np.sum(y)", "return s"), (X,),
    ),
    "SG402_truth": Refused(body("if x > 0:", "    return x.sum()", "return 0.0"), (X,)),
    "SG402_axis": Refused(body("return x.sum(axis=1)[0]"), (X,)),
    "SG402_mask_of_one": Refused(
        body("return x[m, k].sum()", args="x, m, k"),
        (M, np.array([True] + [False] * (len(M) - 1)), np.array([0, 1])),
    ),
    "SG402_truth_as_subscript": Refused(body("return x[x[0] > 0].sum()"), (X,)),
    "SG205_triangle_of_a_vector": Refused(body("return np.tril(x).sum()"), (X,)),
    "SG403_list_of_two_names": Refused(
        body("y = [x, 2 * x]", "z = y", "if x > 0:", "    y = [x, x]", "y[0] = 1.0",
             "return y[0] * z[0]"),
    ),
    "SG403_changed_since": Refused(
        body("a = [x[0], x[1]]", "m = map(np.sin, a)", "a.append(x[2])",
             "return sum(m)"), (X,),
    ),
    "SG403_alias": Refused(
        body("y = x[::2].reshape(1, 2)", "x[0] = 1.0", "return y.sum()"),
        (X,),
    ),
    "SG403_order_is_kept": Refused(
        body("y = x.reshape(3, -1).T.astype(float)", "y.ravel()[0] = 1.0",
             "return y.sum()"), (X,),
    ),
    "SG403_filled_in_the_same_order": Refused(
        body("y = np.full_like(x.reshape(3, -1).T, x[0])", "y.ravel()[1] = 1.0",
             "return y.sum()"), (X,),
    ),
    "SG403_reshaped_broadcast": Refused(
        body("y = np.broadcast_to(x, (2, len(x))).reshape(-1)", "x[0] = 5.0",
             "return y.sum()"), (X,),
    ),
    "SG403_ravel_of_a_strided_vector": Refused(
        body("y = x[::-1].ravel()", "y[0] = 5.0", "return x.sum()"), (X,)
    ),
    "SG403_rows_bound_anew_and_what_they_view_written": Refused(
        body("y = x.reshape(2, -1)", "d = [y[k] for k in range(len(y))]",
             "d[0] = d[1] * 2.0", "y[1, 0] = 5.0", "return d[1].sum()"), (X,)
    ),
    "SG403_rows_bound_anew_in_what_may_be_the_same_list": Refused(
        body("y = x.reshape(2, -1)", "d = [y[k] for k in range(len(y))]",
             "e = [y[k] * 2.0 for k in range(len(y))]", "t = d if x[0] > 0 else e",
             "t[0] = t[1] * 2.0", "return d[0].sum()"), (X,)
    ),
    "SG403_parts_with_two_steps": Refused(
        body("y = x.copy()", "y[::2] = y[:2]", "return y.sum()"), (X,)
    ),
    "SG205_imaginary_part_of_a_float": Refused(
        body("r = x ** 0.5", "return r.imag")
    ),
    "SG403_array_in_a_tuple": Refused(
        body("p = (x * 1.0, x)", "p[0] += x", "return p[0].sum()"), (X,),
    ),
    "SG403_one_path": Refused(
        body("u = x * 2", "v = u[::-1]", "for c in x:", "    if c > 0:",
             "        v = x * 3", "    v[0] = c", "return u.sum() + v.sum()"), (X,),
    ),
    "SG402_rank_grows": Refused(
        body("y = x", "for _ in range(int(x[2])):", "    y = np.stack([y, y])",
             "return y.sum()"), (X,),
    ),
    "SG407_lengths_in_list": Refused(
        body("rows = []", "for i in range(len(x)):", "    rows.append(x[: i + 1] * 2)",
             "return sum(r.sum() for r in rows)"), (np.ones(9),),
    ),
    "SG408_captured": Refused(
        body("table[0] = x", "return table.sum()", head=WITH_LIST)
    ),
    "SG408_captured_list": Refused(
        body("seen.append(x)", "return x * len(seen)", head="seen = []\n\n\n")
    ),
    "SG408_captured_in_one_arm": Refused(
        body("y = table if x[0] > 1 else x * 1.0", "y[0] = x[1]", "return y.sum()",
             head=WITH_LIST), (X,),
    ),
    "SG403_list_grows_under_a_loop": Refused(
        body("s = [x[0]]", "for v in s:", "    if len(s) < 9:",
             "        s.append(v * x[1])", "return s[0]"), (X,),
    ),
    "SG402_number_by_identity": Refused(
        body("y = x * 1.0", "return x if x is y else 2 * x")
    ),
    "SG402_type_of_two_numbers": Refused(
        body("y = 1 if x > 5.0 else x", "return x if isinstance(y, int) else 2 * x")
    ),
    "SG402_truths_of_two_kinds_added": Refused(
        body("y = x[1] > 0.0 if x[0] > 0.5 else True", "return (y + True) * x[0]"),
        (X,),
    ),
    "SG402_truth_or_number_as_subscript": Refused(
        body("k = True", "for _ in range(n):", "    k = 1", "return np.sum(x[k])",
             args="x, n"), (X, 3),
    ),
    "SG403_iterator_used_twice": Refused(
        body("pairs = zip(x, x)", "s = sum(a * b for a, b in pairs)",
             "for a, _ in pairs:", "    s += a", "return s"), (X,),
    ),
    "SG403_iterator_used_in_a_loop": Refused(
        body("items, s = enumerate(x), 0.0", "for _ in range(2):",
             "    for k, v in items:", "        s += k * v", "return s"), (X,),
    ),
    "SG403_list_changed_by_the_turn_before": Refused(
        body("a, b, s = [1.0], [2.0], 0.0", "c = a if x[0] > 0.0 else b",
             "for v in x:", "    s += a[0] * v", "    c[0] = v", "return s"), (X,),
    ),
    "SG402_lengths_of_one_in_some_turns": Refused(
        body("s = 0.0", "for k in range(1, len(x) + 1, 3):",
             "    s += (x[:k] * x).sum()", "return s"), (X,),
    ),
    "SG402_arrays_of_two_shapes_in_a_list": Refused(
        body("rows = [x * 2.0]", "for k in range(n):", "    rows.append(x[k:])",
             "return sum(r.sum() for r in rows)", args="x, n"), (X, 2),
    ),
    "SG403_lost_where_a_loop_asks_to_be_left": Refused(
        body("a, b = [x[0]], [x[1]]", "c = a if x[0] > 1.5 else b", "c[0] = 2.0",
             "for v in [x[2], x[3]]:", "    if v > a[0]:", "        break",
             "return c[0] * x[0]"), (X,),
    ),
    "SG107_generator_taken_twice": Refused(
        body("return sum(v * v for v in x)", head="""\
def sum(items):
    total = 0.0
    for v in items:
        total += v
    for v in items:
        total += v
    return total


"""), (X,),
    ),
    "SG403_list_passed_twice": Refused(
        body("y[0] = x * 5.0", "return z[0] * x", args="x, y, z"), (2.0, ROW, ROW)
    ),
    "SG403_list_passed_twice_in_a_dict": Refused(
        body("d['y'].append(x)", "return d['z'][-1] * x", args="x, d"),
        (2.0, {"y": ROW, "z": ROW}),
    ),
    "SG403_list_passed_twice_to_a_gradient": Refused(
        "import srcgrad\n\n\ndef inner(a, b):\n    a[0] = a[0] * 2.0\n"
        "    return a[0] * b[0]\n\n\ndef loss(x):\n    items = [x, x]\n"
        "    return srcgrad.grad(inner)(items, items)[0]\n"
    ),
    "SG402_same_argument_twice": Refused(
        body("return x.sum() if x is y else 2.0 * x.sum()", args="x, y"), (X, X)
    ),
    "SG402_same_list_twice": Refused(
        body("return x * y[0] if y is z else x", args="x, y, z"), (2.0, ROW, ROW)
    ),
    "SG402_same_after_arms": Refused(
        body("z = x * 2.0", "y = z if x[0] > 0.0 else x * 3.0",
             "return x.sum() if y is z else 2.0 * x.sum()"), (X,),
    ),
    "SG402_same_argument_after_turns": Refused(
        body("for _ in range(3):", "    x, y = y, x",
             "return x.sum() if x is y else 2.0 * x.sum()", args="x, y"), (X, X)
    ),
    "SG402_same_after_turns": Refused(
        body("z = y = x * 2.0", "while z is y and len(y) > 1:", "    y = y[1:] * 2.0",
             "    if len(y) > 1:", "        z = y", "return z.sum()"), (X,),
    ),
    "SG402_same_items": Refused(
        body("ys = []", "for v in x:", "    ys.append(x * v)",
             "return x.sum() if ys[0] is ys[len(x) - 1] else 2.0 * x.sum()"), (X,),
    ),
    "SG402_same_tuple": Refused(
        body("p, k = (x, x), 0", "q = p", "while p is q and k < 3:",
             "    q, k = (p if k < 1 else (x, x * k)), k + 1", "return k * x.sum()"),
        (X,),
    ),
    "SG402_items_of_two_kinds": Refused(
        body("s = []", "for k in range(int(x[0])):", "    s.append((x[k], 1))",
             "s.append((1, 1, 2))", "return s[0][0]"), (X,),
    ),
    "SG402_shorter_array_in_a_list": Refused(
        body("s = [x * v for v in x]", "s[0] = x[:1]", "return s[0][0]"), (X,),
    ),
    "SG403_item_changed_by_a_loop": Refused(
        body("s = []", "for k in range(int(x[0])):", "    s.append([x[k], 1.0])",
             "for row in s:", "    row[0] = 2.0", "return s[0][0]"), (X,),
    ),
    "SG403_item_changed_in_a_list": Refused(
        body("s = [[x[k], 1.0] for k in range(int(x[0]))]", "s[0][0] = x[1]",
              "return s[0][0]"), (X,),
    ),
    "SG302_list_of_tuples": Refused(
        body("s = []", "for k in range(int(x[0])):", "    s.append((x[k], 1))",
              "return s"), (X,),
    ),
    "SG403_slice_of_a_growing_list": Refused(
        body("s = []", "for v in x:", "    s.append(v)", "s[:1] = [1.0]",
             "return s[0]"), (X,),
    ),
    # SG5: nothing to differentiate
    "SG201_nditer": Refused(body("return sum(np.nditer(x))"), (X,)),
    "SG205_set_that_changes": Refused(
        body("seen = set()", "for t in x:", "    seen.add(int(t))",
             "return sum(x[k] for k in seen)"), (X,),
    ),
    "SG502_cut": Refused(body("k = int(x)", "return k * 2.0"), (2.5,)),
    "SG502_argmax": Refused(body("return float(np.argmax(x))"), (X,)),
    "SG507_random": Refused(body("return x * np.random.normal()")),
    # SG7: what is found while running
    "SG701_not_finite": Refused(
        body("return np.sqrt(x).sum()"), (np.array([0.0, 1.0]),),
        options={"check_nan": True},
    ),
    "SG704_wrong_rule": Refused(
        body(
            "return twice(x)",
            head="import srcgrad\n\n\n@srcgrad.custom_vjp\ndef twice(x):\n"
            "    return x + x\n\n\n"
            "twice.defvjp(lambda g, z, x: 3 * g)\n\n\n",
        ),
        call=lambda f, x: srcgrad.check_grads(f, (x,), backend="python"),
    ),
    # Several at once
    "three_problems": Refused(
        body(
            "try:",
            "    return x * 2",
            "except ValueError:",
            "    y = 1.0",
            "finally:",
            "    y = x",
            "with open('log') as f:",
            "    z = {1, 2}",
            "return y",
        )
    ),
    "three_functions": Refused(
        body("a = np.histogramdd(x)", "b = np.add(x, x, signature='dd->d')",
             "c = x.byteswap()", "return a.sum() + b"), (X,),
    ),
}  # fmt: skip
