"""Cases that are not right yet: each is refused or fails aloud, none is wrong silently.

The list only gets shorter. `test_pending_case_is_never_silently_wrong` holds it to
that.
"""

PENDING = frozenset(
    """
    """.split()
)
