"""open_npy: values, order, aliasing of the file in each mode, and refusals."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch
from written import permissions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.npy"


ARRAYS = {
    "C": np.arange(6.0).reshape(2, 3),
    "Fortran": np.asfortranarray(np.arange(24, dtype="i2").reshape(2, 3, 4)),
    "0-d": np.array(7, "u8"),
    "empty": np.zeros((3, 0), "f4"),
    "other byte order": np.arange(3, dtype=">f4"),
    "complex": np.arange(3, dtype="c8"),
    "bool": np.array([True, False]),
    "half": np.arange(3, dtype="f2"),
}


@pytest.mark.parametrize("what", ARRAYS)
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_arrays(path: Path, what: str, version: tuple[int, int]) -> None:
    array = ARRAYS[what]
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, version)
    opened = bridge.to_numpy(bridge.open_npy(path))
    assert (opened.dtype, opened.shape) == (array.dtype, array.shape)
    assert opened.flags.f_contiguous == array.flags.f_contiguous
    np.testing.assert_array_equal(opened, array)


@pytest.mark.parametrize(
    ("mode", "allowed", "in_file"), [("r", "r--s", 0), ("c", "rw-p", 0), ("r+", "rw-s", 7)]
)
def test_modes(path: Path, mode: Any, allowed: str, in_file: float) -> None:
    np.save(path, np.zeros(1000))
    view = bridge.open_npy(path, mode)
    assert permissions(view.ptr) == allowed
    assert view.readonly == (mode == "r")
    if mode != "r":
        bridge.to_numpy(view)[0] = 7
    assert np.load(path)[0] == in_file


@needs_torch
@pytest.mark.parametrize(("mode", "in_file"), [("c", 0), ("r+", 7)])
def test_writes_of_torch(path: Path, mode: Any, in_file: float) -> None:
    np.save(path, np.zeros((2, 3), order="F"))
    tensor = bridge.to_torch(bridge.open_npy(path, mode))
    tensor[1, 2] = 7
    assert tensor.stride() == (1, 2)
    assert np.load(path)[1, 2] == in_file


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_a_file_may_be_larger_than_memory(path: Path, mode: Any) -> None:
    size = 1 << 40
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size},)}}".ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    try:
        os.truncate(path, path.stat().st_size + size)  # no byte of it is stored
    except OSError:
        pytest.skip("this file system has no files of this size")
    array = bridge.to_numpy(bridge.open_npy(path, mode))
    assert array[-1] == 0
    if mode != "r":
        array[size // 2] = 7
        assert array[size // 2] == 7


def npy(array: Any, version: tuple[int, int] | None = None) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asanyarray(array), version)
    return file.getvalue()


def with_header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(64)


FIELDS = np.zeros(2, [("a", "f4"), ("b", "i8")])
REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "size"),
    "other magic": (b"NUMPY" + bytes(100), "header"),
    "an archive": (b"PK\x03\x04" + bytes(100), "format"),
    "cut in the magic": (npy(1.0)[:7], "header"),
    "cut in the header": (npy(1.0)[:60], "header"),
    "version 4": (b"\x93NUMPY\x04\x00" + bytes(100), "version"),
    "version 3": (npy(FIELDS, (3, 0)), "version"),
    "no dictionary": (with_header("1\n"), "header"),
    "a call": (with_header("exit()\n"), "header"),
    "deep nesting": (with_header("(" * 9000 + "\n"), "header"),
    "negative extent": (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}\n"), "shape"),
    "huge extent": (with_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2**70,)}\n"), "header"),
    "huge": (with_header(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**70},)}}\n"), "shape"),
    "huge product": (
        with_header(f"{{'descr': '<f4', 'fortran_order': True, 'shape': ({2**40}, {2**40})}}\n"),
        "shape",
    ),
    "unknown dtype": (with_header("{'descr': '<q9', 'fortran_order': False, 'shape': (1,)}\n"), "header"),
    "elements with axes": (
        with_header("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,)}\n"),
        "dtype",
    ),
    "no fields": (with_header("{'descr': [], 'fortran_order': False, 'shape': (1,)}\n"), "dtype"),
    "objects": (with_header("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n"), "dtype"),
    "text": (npy(["a"]), "dtype"),
    "cut in the data": (npy(np.zeros(10))[:-1], "size"),
    "no data": (npy(np.zeros(10))[:-80], "size"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals(path: Path, what: str) -> None:
    content, field = REFUSED[what]
    path.write_bytes(content)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.open_npy(path)
    assert (caught.value.protocol, caught.value.field) == ("npy", field)
    assert path.read_bytes() == content


def test_a_file_that_is_too_short_is_not_extended(path: Path) -> None:
    """NumPy's own mmap_mode="r+" extends it with zeros."""
    path.write_bytes(npy(np.zeros(10))[:-8])
    size = path.stat().st_size
    with pytest.raises(bridge.SharingError, match="elements within"):
        bridge.open_npy(path, "r+")
    assert path.stat().st_size == size


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
def test_other_kinds_of_files(tmp_path: Path, mode: Any) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes to it: opening must not wait
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(bridge.SharingError, match="expected a regular file") as caught:
            bridge.open_npy(path, mode)
        assert (caught.value.protocol, caught.value.field) == ("npy", "file")


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        bridge.open_npy(tmp_path / "none.npy")
    with pytest.raises(ValueError, match="mode: expected 'r', 'c' or 'r\\+', got 'w'"):
        bridge.open_npy(tmp_path / "none.npy", "w")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        bridge.open_npy(1)  # type: ignore[arg-type]
