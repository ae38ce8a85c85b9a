"""open_hdf5: contiguous datasets of files that h5py wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch
from written import permissions

h5py: Any = pytest.importorskip("h5py", reason="h5py is not installed: nox -s faults")

VALUES = np.arange(6, dtype="f4").reshape(2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.h5"


ARRAYS = {
    **{
        kind: np.arange(6).reshape(2, 3).astype(kind)
        for kind in ("f2", "f4", "f8", "i1", "u2", "i8", "c8", "c16")
    },
    **{kind: np.arange(3).astype(kind) for kind in (">f4", ">i8")},
    "bool": np.array([True, False]),
    "0-d": np.array(7.0),
    "empty": np.zeros((0, 3)),
}


@pytest.mark.parametrize("what", ARRAYS)
@pytest.mark.parametrize("user_block", [0, 512])
def test_datasets(path: Path, what: str, user_block: int) -> None:
    array = ARRAYS[what]
    with h5py.File(path, "w", userblock_size=user_block) as file:
        file["group/x"] = array
        file["group/y"] = array
    opened = bridge.open_hdf5(path)
    assert list(opened) == ["group/x", "group/y"]
    found = bridge.to_numpy(opened["group/x"])
    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)
    assert permissions(opened["group/x"].ptr) == "r--s"


def stored(path: Path) -> float:
    with h5py.File(path) as file:
        return float(file["x"][0, 0])


@pytest.mark.parametrize(("mode", "in_file"), [("c", 0), ("r+", 7)])
def test_writes(path: Path, mode: Any, in_file: float) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = VALUES
    bridge.to_numpy(bridge.open_hdf5(path, mode)["x"])[0, 0] = 7
    assert stored(path) == in_file


@needs_torch
@pytest.mark.parametrize(("mode", "in_file"), [("c", 0), ("r+", 7)])
def test_writes_of_torch(path: Path, mode: Any, in_file: float) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = VALUES
    bridge.to_torch(bridge.open_hdf5(path, mode)["x"])[0, 0] = 7
    assert stored(path) == in_file


def compact(file: Any) -> None:
    plist = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plist.set_layout(h5py.h5d.COMPACT)
    space = h5py.h5s.create_simple((2,))
    h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_FLOAT, space, plist)


def virtual(file: Any) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource(file.filename, "y", (3,))
    file["y"] = np.zeros(3, "f4")
    file.create_virtual_dataset("x", layout)


def narrow(file: Any) -> None:
    kind = h5py.h5t.NATIVE_INT16.copy()
    kind.set_precision(12)
    h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((2,)))
    file["x"][:] = 1


REFUSED: dict[str, tuple[Any, str, str]] = {
    "chunked": (lambda file: file.create_dataset("x", data=VALUES, chunks=(1, 3)), "layout", "the chunked"),
    "compressed": (
        lambda file: file.create_dataset("x", data=VALUES, compression="gzip"),
        "layout",
        "compressed",
    ),
    "compact": (compact, "layout", "compact"),
    "virtual": (virtual, "layout", "virtual"),
    "external": (
        lambda file: file.create_dataset("x", (3,), "f4", external=[(f"{file.filename}.raw", 0, 12)]),
        "layout",
        "external",
    ),
    "empty": (lambda file: file.create_dataset("x", data=h5py.Empty("f4")), "layout", "empty"),
    "never written": (lambda file: file.create_dataset("x", (3,), "f4"), "layout", "never written"),
    "text": (lambda file: file.create_dataset("x", data=["a"]), "dtype", "object"),
    "bytes": (lambda file: file.create_dataset("x", data=np.array([b"ab"])), "dtype", "S2"),
    "integers of 12 bits": (narrow, "dtype", "int16"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_datasets_that_are_refused_when_they_are_asked_for(path: Path, what: str) -> None:
    make, field, got = REFUSED[what]
    with h5py.File(path, "w") as file:
        make(file)
        file["plain"] = VALUES
    opened = bridge.open_hdf5(path)
    assert "x" in opened
    with pytest.raises(bridge.SharingError) as caught:
        opened["x"]
    assert (caught.value.protocol, caught.value.field) == ("HDF5", field)
    assert got in caught.value.got
    np.testing.assert_array_equal(bridge.to_numpy(opened["plain"]), VALUES)


def test_other_and_damaged_files(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = VALUES
    content = path.read_bytes()
    for damaged in (b"", b"text", content[:-10], content[:100], bytes(8) + content[8:]):
        path.write_bytes(damaged)
        with pytest.raises(bridge.SharingError) as caught:
            bridge.open_hdf5(path)
        assert caught.value.protocol == "HDF5"
