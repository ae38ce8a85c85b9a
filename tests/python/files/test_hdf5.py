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


def of_type(file: Any, kind: Any, values: Any, as_kind: Any = None) -> None:
    """Write the dataset x with a type of HDF5."""
    dataset = h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple(values.shape))
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, values, mtype=as_kind)


def integers_of_12_bits() -> Any:
    kind = h5py.h5t.STD_I16LE.copy()
    kind.set_precision(12)
    kind.set_offset(4)
    return kind


def enum_of(kind: Any, **names: int) -> Any:
    made = h5py.h5t.enum_create(kind)
    for name, value in names.items():
        made.enum_insert(name.encode(), value)
    return made


INTEGERS = np.array([1, 2], "i2")
TIMES = np.array([1, 2], h5py.opaque_dtype("M8[s]"))
BOOLS = np.array([True, False])
BOOL = h5py.h5t.py_create(BOOLS.dtype)


def narrow_enum(file: Any) -> None:
    kinds = [enum_of(kind, A=1, B=2) for kind in (integers_of_12_bits(), h5py.h5t.NATIVE_INT16)]
    of_type(file, kinds[0], INTEGERS, kinds[1])


OF_TYPES: dict[str, tuple[Any, Any, Any]] = {
    "enum": (enum_of(h5py.h5t.STD_I16LE, A=1), INTEGERS, None),
    "enum of the other byte order": (enum_of(h5py.h5t.STD_I16BE, A=1), INTEGERS.astype(">i2"), None),
    "bool of the other byte order": (enum_of(h5py.h5t.STD_I8BE, FALSE=0, TRUE=1), BOOLS, BOOL),
    "bytes of the other byte order": (h5py.h5t.STD_U8BE, np.array([1, 200], "u1"), None),
}
if hasattr(h5py.h5t, "COMPLEX"):
    OF_TYPES["complex numbers of HDF5"] = (h5py.h5t.COMPLEX_IEEE_F32LE, np.array([1, 2j], "c8"), None)


@pytest.mark.parametrize("what", OF_TYPES)
def test_types_of_hdf5(path: Path, what: str) -> None:
    kind, values, as_kind = OF_TYPES[what]
    with h5py.File(path, "w") as file:
        of_type(file, kind, values, as_kind or kind)
    found = bridge.to_numpy(bridge.open_hdf5(path)["x"])
    assert found.dtype == values.dtype
    np.testing.assert_array_equal(found, values)


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
    "times": (
        lambda file: file.create_dataset("x", data=TIMES),
        "dtype",
        "datetime64[s]",
    ),
    "integers of 12 bits": (
        lambda file: of_type(file, integers_of_12_bits(), INTEGERS, h5py.h5t.NATIVE_INT16),
        "dtype",
        "int16",
    ),
    "enum of 12 bits": (narrow_enum, "dtype", "int16"),
    "bool of two bytes": (
        lambda file: of_type(file, enum_of(h5py.h5t.STD_I16LE, FALSE=0, TRUE=1), BOOLS, BOOL),
        "dtype",
        "bool",
    ),
    "bit fields": (
        lambda file: of_type(file, h5py.h5t.STD_B8LE, np.array([1], "u1"), h5py.h5t.STD_B8LE),
        "dtype",
        "uint8",
    ),
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


def test_links(path: Path) -> None:
    """All hard links are names, and a group within itself is not one. Other links are not followed."""
    with h5py.File(path, "w") as file:
        file["a"] = VALUES
        file["group/x"] = VALUES
        for name, target in {"b": "a", "other": "group", "group/a": "a", "group/root": "/"}.items():
            file[name] = file[target]
        file["soft"] = h5py.SoftLink("/a")
        file["external"] = h5py.ExternalLink(file.filename, "/a")
    opened = bridge.open_hdf5(path, "c")
    assert list(opened) == ["a", "b", "group/a", "group/x", "other/a", "other/x"]
    bridge.to_numpy(opened["other/a"])[0, 0] = 7
    assert bridge.to_numpy(opened["b"])[0, 0] == 7


def test_groups_of_too_many_names(path: Path) -> None:
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(40):
            group["a"] = group["b"] = group.create_group("c")
            group = group["c"]
    with pytest.raises(bridge.SharingError, match="at most 100 names of one group") as caught:
        bridge.open_hdf5(path)
    assert (caught.value.protocol, caught.value.field) == ("HDF5", "links")


def test_other_and_damaged_files(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["x"] = VALUES
    content = path.read_bytes()
    for damaged in (b"", b"text", content[:-10], content[:100], bytes(8) + content[8:]):
        path.write_bytes(damaged)
        with pytest.raises(bridge.SharingError) as caught:
            bridge.open_hdf5(path)
        assert caught.value.protocol == "HDF5"
