"""Functions of `scipy.special` that kernels link to: SciPy's own machine code.

Numbers go in and one comes out, so nothing of Python is needed. A symbol stands for the
address, and machine code that is kept on disk finds it again.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

__all__ = ["NAMES", "plain", "variants"]

NAMES = """
    betaincc betaincinv chdtr chdtrc chdtri cosdg cotdg dawsn ellipe ellipeinc ellipk
    ellipkinc ellipkm1 erfi eval_chebyt eval_chebyu eval_gegenbauer eval_genlaguerre
    eval_hermite eval_hermitenorm eval_jacobi eval_laguerre eval_legendre exp1 expi expn
    fdtr fdtrc fdtri gammainccinv gammaincinv gdtr gdtrc hyp0f1 hyp1f1 hyp2f1 hyperu i0
    i0e i1 i1e inv_boxcox iv ive j0 j1 jv k0 k0e k1 k1e kn kv kve pdtr pdtrc poch radian
    rgamma sindg stdtr stdtrit struve tandg voigt_profile wofz y0 y1 yn yv
""".split()  # fmt: skip
_KINDS = {"double": "d", "long": "l", "Py_ssize_t": "l"}
if sys.platform != "win32":  # there complex numbers do not go by value
    _KINDS["__pyx_t_double_complex"] = "c"


def variants(name: str) -> Iterator[tuple[str, Any]]:
    """Yield what a function takes and returns, as "ld->d", and SciPy's capsule."""
    table = importlib.import_module("scipy.special.cython_special").__pyx_capi__
    for key, capsule in table.items():
        if re.fullmatch(rf"(__pyx_fuse_[\d_]+)?{name}", key):
            result, args = re.findall(
                r'"(\w+) \((.*), int __pyx_skip_disp', repr(capsule)
            )[0]
            kinds = [_KINDS.get(kind, "") for kind in (*args.split(", "), result)]
            if all(kinds):
                yield f"{''.join(kinds[:-1])}->{kinds[-1]}", capsule


def _plain(name: str) -> Any:
    def function(*args: Any) -> Any:
        return getattr(importlib.import_module("scipy.special"), name)(*args)

    return function


def plain() -> dict[str, FunctionType]:
    """Return the functions as plain Python."""
    return {name: _plain(name) for name in NAMES}
