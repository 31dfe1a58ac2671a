"""What NumPy computes from floats and the table does not, each with the reason.

`python -m srcgrad supported` prints it, the message that refuses a call names it, and a
test holds it against the installed NumPy: a name is known, or it stands here.
"""

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
    "numpy.roots": "they are complex: find a real one by Newton's method",
    "numpy.unique_values": _SET,
}
