"""What NumPy computes from floats and the table does not, each with the reason.

And what of Python is outside the language, with what to write instead.

`python -m srcgrad supported` prints it, the message that refuses a call names it, and a
test holds it against the installed NumPy: a name is known, or it stands here.
"""

from collections.abc import Sequence

_MATRIX = "a matrix of NumPy's own has a `*` of its own: use arrays"
_PRECISION = "there is no fast arithmetic for it: use float64 or float32"
_SET = "how it is ordered NumPy does not say: use `np.unique`"

UNSUPPORTED: dict[str, str] = {
    "numpy.asfortranarray": "leave it out: how an array lies in memory is no matter",
    "numpy.asmatrix": _MATRIX,
    "numpy.bmat": _MATRIX,
    "numpy.float128": _PRECISION,
    "numpy.float16": _PRECISION,
    "numpy.half": _PRECISION,
    "numpy.histogramdd": "`np.histogram` and `np.histogram2d` are known",
    "numpy.longdouble": _PRECISION,
    "numpy.nditer": "it goes the way memory lies: use `a.flat` or `np.ndenumerate(a)`",
    "numpy.unique_values": _SET,
}

# What takes a generator, and what prints a text.
TAKES_GENERATOR = {*"""Counter OrderedDict all any deque dict frozenset fsum list max
                     min next prod reduce set sorted sum tuple""".split()}  # fmt: skip
# What is computed while compiling, if its arguments are known: nodes, windows, filters.
OF_NUMBERS = "numpy.polynomial", "scipy.special", "scipy.signal", "scipy.linalg"
LOGS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
_OUTSIDE = "define it outside of the function"
_AROUND = "do it outside and pass what it gives as an argument"
# What is said about a kind of syntax: its code, what it is, what to write instead, why.
REFUSED_SYNTAX: dict[str, Sequence[str]] = {
    "ClassDef": ("SG101", "a class cannot be defined in a differentiated function",
        _OUTSIDE, ""),
    "GeneratorExp": ("SG107",
        "a generator is accepted only as the argument of sum, min, max, any, all, "
        "next, list or tuple", "write a list: [... for ...]", ""),
    "NamedExpr": ("SG107", "`:=` is not accepted here",
        "assign the name in a statement of its own", "it may run any number of times"),
    "Raise": ("SG106", "a bare `raise` is outside the language",
        "name the exception: raise ValueError(...)", "no exception is being handled"),
    "Try": ("SG106", "a `try` with `except` and `finally` is left by a jump",
        "leave it after the `finally`: keep the result in a name",
        "what `finally` does would run between the jump and where it goes"),
    "TryStar": ("SG106", "`except*` is outside the language",
        "catch one exception: `except ValueError:`",
        "which of several are raised is not known before it runs"),
    "TypeAlias": ("SG101", "a type alias is outside the language", _OUTSIDE, ""),
    "With": ("SG101", "`with` is outside the language", _AROUND, ""),
    "Yield": ("SG101", "`yield` is outside the language",
        "collect the values in a list and return it",
        "a gradient needs one result, not a sequence of them"),
    "decorator": ("SG101", "an inner function cannot be decorated",
        "define it outside, or take the decorator off", ""),
    "outer": ("SG105", "the global variable {} is written",
        "pass it as an argument and return the new value",
        "a gradient must leave everything outside as it was"),
}  # fmt: skip
REFUSED_SYNTAX |= dict.fromkeys(
    ("AsyncFor", "AsyncFunctionDef", "AsyncWith", "Await"),
    ("SG101", "`async` and `await` are outside the language",
     "await outside and pass the value as an argument", ""))  # fmt: skip
REFUSED_SYNTAX["YieldFrom"] = REFUSED_SYNTAX["Yield"]
REFUSED_SYNTAX["yielded"] = (
    "SG101", "`yield` is known as a statement of its own, outside of `try`",
    "collect the values in a list and return it", "")  # fmt: skip
