"""Write trees of arrays and numbers to disk, whole or not at all, without pickle.

A checkpoint is an .npz file: `np.load(path)["params.w1"]` reads one array. The entry
`manifest` is JSON: for each leaf its path, its kind, and its value if it is no array.
The file is written beside its place, forced to disk, and moved there by one rename, so
that at any moment the old or the new one is there.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from srcgrad.monitor.parameters import named_leaves
from srcgrad.trees import closed, opened

_FORMAT = 1
_SHOWN = 10  # mismatches that a message lists
Leaves = dict[str, Any]


def save_checkpoint(path: str | Path, tree: Any) -> None:
    """Write a tree to a file, in the place of what is there.

    Args:
        path: The file, an .npz.
        tree: Dicts, lists, tuples, namedtuples and dataclasses of arrays, numbers, text
            and None.

    Raises:
        ValueError: A leaf is something else, or two leaves have one path; both are
            named. The file is left as it was.
        OSError: It cannot be written. Then too.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_checkpoint(f"{folder}/a.npz", {"w": np.array([1.0, 2.0]), "step": 3})
    ...     load_checkpoint(f"{folder}/a.npz")
    {'w': array([1., 2.]), 'step': 3}
    """
    arrays: Leaves = {}
    described: list[list[Any]] = []
    seen: set[str] = set()
    for name, leaf in named_leaves(tree):
        if name in seen or name == "manifest":
            raise ValueError(f"checkpoint: two leaves have the path `{name}`")
        seen.add(name)
        kind = _kind(name, leaf)
        described.append([name, kind, None if kind in ("array", "scalar") else leaf])
        if kind in ("array", "scalar"):
            arrays[name] = np.asarray(leaf)
    text = json.dumps({"format": _FORMAT, "leaves": described})
    arrays["manifest"] = np.frombuffer(text.encode(), np.uint8)
    _replace(Path(os.path.realpath(path)), arrays)


def _kind(name: str, leaf: Any) -> str:
    if isinstance(leaf, np.ndarray | np.generic) and leaf.dtype.kind in "fiubcSU":
        return "array" if isinstance(leaf, np.ndarray) else "scalar"
    for kind in (bool, int, float, str):
        if type(leaf) is kind:
            return kind.__name__
    if leaf is None:
        return "None"
    what = type(leaf).__name__
    if isinstance(leaf, np.ndarray | np.generic):
        what = f"{what} of dtype {leaf.dtype}"
    raise ValueError(
        f"checkpoint: `{name}` is a {what}; arrays of numbers, numbers, text and None "
        "can be saved"
    )


def _replace(path: Path, arrays: Leaves) -> None:
    """Write a file beside its place, force it to disk, and move it there."""
    for old in path.parent.glob(f".{path.name}.*.tmp"):
        _drop_if_abandoned(old)
    temporary = path.parent / f".{path.name}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as out:
                for name, array in arrays.items():
                    with out.open(f"{name}.npy", "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError):  # a folder cannot be opened on every system
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the rename itself
        finally:
            os.close(folder)


def _drop_if_abandoned(file: Path) -> None:
    """Delete what a process that was killed while saving has left."""
    number = file.name.rsplit(".", 2)[1]
    if not number.isdigit() or os.name != "posix":
        return
    try:
        os.kill(int(number), 0)  # asks whether it lives, nothing more
    except ProcessLookupError:
        file.unlink(missing_ok=True)
    except OSError:
        return  # it lives, and is somebody else's


def read_leaves(path: str | Path) -> Leaves:
    """Return the leaves of a checkpoint by path.

    Raises:
        ValueError: The file is no whole checkpoint.
    """
    try:
        with zipfile.ZipFile(path) as file:
            # Reading an entry to its end compares its checksum.
            data = {name: file.read(name) for name in file.namelist()}
        arrays = {name.removesuffix(".npy"): _array(raw) for name, raw in data.items()}
        manifest = json.loads(arrays.pop("manifest").tobytes())
        if manifest["format"] != _FORMAT:
            raise ValueError(
                f"format {manifest['format']}, this version reads {_FORMAT}"
            )
        leaves = {}
        for name, kind, value in manifest["leaves"]:
            leaves[name] = value if kind not in ("array", "scalar") else arrays[name]
            if kind == "scalar":
                leaves[name] = arrays[name][()]
        return leaves
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise ValueError(
            f"{os.fspath(path)} is no whole checkpoint: {error}"
        ) from error


def _array(raw: bytes) -> Any:
    return np.lib.format.read_array(io.BytesIO(raw), allow_pickle=False)


def load_checkpoint(path: str | Path, like: Any = None) -> Any:
    """Return what was saved, in the structure of `like`.

    Args:
        path: The file.
        like: A tree of the same structure, shapes and dtypes, such as freshly
            initialised parameters; its own numbers do not matter and do not change.
            Without it a dict of the leaves by path is returned.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not whole, or its tree is another one; what differs is
            named by path.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "params.npz")
    ...     save_checkpoint(path, {"w": np.array([1.0, 2.0]), "b": 0.5})
    ...     load_checkpoint(path, like={"w": np.zeros(2), "b": 0.0})
    {'w': array([1., 2.]), 'b': 0.5}
    """
    leaves = read_leaves(path)
    if like is None:
        return leaves
    return restored(leaves, like, "", os.fspath(path))


def restored(leaves: Leaves, like: Any, root: str, path: str) -> Any:
    """Return the leaves below `root` in the structure of a tree."""
    own = {
        name: leaf
        for name, leaf in leaves.items()
        if not root or name == root or name.startswith(f"{root}.")
    }
    expected = dict(named_leaves(like, root))
    wrong = [f"`{n}` is in the file, not here" for n in own if n not in expected]
    for name, leaf in expected.items():
        if name not in own:
            wrong.append(f"`{name}` is here, not in the file")
        elif _describe(own[name]) != _describe(leaf):
            there, here = _describe(own[name]), _describe(leaf)
            wrong.append(f"`{name}` is {there} in the file, {here} here")
    if wrong:
        more = [f"... and {len(wrong) - _SHOWN} more"] if len(wrong) > _SHOWN else []
        lines = "\n  ".join([*wrong[:_SHOWN], *more])
        raise ValueError(f"the checkpoint {path} is of another structure:\n  {lines}")
    return _rebuilt(like, root, own)


def _describe(leaf: Any) -> str:
    if isinstance(leaf, np.ndarray):
        return f"a {leaf.dtype} array of shape {leaf.shape}"
    if isinstance(leaf, np.generic):
        return f"a {leaf.dtype}"
    return "None" if leaf is None else f"a Python {type(leaf).__name__}"


def _rebuilt(like: Any, name: str, leaves: Leaves) -> Any:
    node = opened(like)
    if node is None:
        return leaves[name]
    keys = node.keys
    if node.kind == "tuple" and node.cls is not None:
        keys = node.cls._fields  # type: ignore[attr-defined]
    items = tuple(
        _rebuilt(item, f"{name}.{key}" if name else str(key), leaves)
        for key, item in zip(keys, node.items, strict=True)
    )
    return closed(node._replace(items=items), like)
