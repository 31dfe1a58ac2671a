"""What NumPy computes from floats and the table does not, each with the reason.

`python -m srcgrad supported` prints it, the message that refuses a call names it, and a
test holds it against the installed NumPy: a name is known, or it stands here.
"""

UNSUPPORTED: dict[str, str] = {
    "numpy.roots": "its zeros are complex in no fixed order",
}
