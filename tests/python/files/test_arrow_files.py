"""open_arrow: columns and tensors of files that pyarrow wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch
from written import permissions

pa: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed: nox -s faults")
pytest.importorskip("pyarrow.ipc")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.arrow"


def write(path: Path, *batches: Any, **options: Any) -> None:
    schema = batches[0].schema.with_metadata({"key": "value"})
    with pa.ipc.new_file(str(path), schema, options=pa.ipc.IpcWriteOptions(**options)) as file:
        for batch in batches:
            file.write(batch)


def batch(**columns: Any) -> Any:
    return pa.record_batch(dict(columns))


VALUES = np.arange(12, dtype="f4").reshape(4, 3)
TURNED = pa.ExtensionArray.from_storage(
    pa.fixed_shape_tensor(pa.float32(), (2, 3), permutation=(1, 0)),
    pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 6),
)
BOOLS = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0, 0, 1], "i1"))
SHARED: dict[str, tuple[Any, Any]] = {
    "floats": (pa.array([1.0, 2.0]), np.array([1.0, 2.0])),
    "bytes": (pa.array([1, 2, 3, 4], "u1"), np.array([1, 2, 3, 4], "u1")),
    "slice": (pa.array(range(10), "i2")[3:7], np.arange(3, 7, dtype="i2")),
    "lists of one length": (pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 3), VALUES),
    "nested lists of one length": (
        pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(pa.array(VALUES.ravel()), 3), 2),
        VALUES.reshape(2, 2, 3),
    ),
    "lists without elements": (pa.array([[], []], pa.list_(pa.float32(), 0)), np.zeros((2, 0), "f4")),
    "tensors": (pa.FixedShapeTensorArray.from_numpy_ndarray(VALUES), VALUES),
    "permuted tensors": (TURNED, VALUES.reshape(2, 2, 3).transpose(0, 2, 1)),
    "lists of permuted tensors": (
        pa.FixedSizeListArray.from_arrays(TURNED, 2),
        VALUES.reshape(1, 2, 2, 3).transpose(0, 1, 3, 2),
    ),
    "lists of bytes that are bool": (
        pa.FixedSizeListArray.from_arrays(BOOLS, 2),
        np.array([[True, False], [False, True]]),
    ),
    "none": (pa.array([], "f4"), np.zeros(0, "f4")),
}


@pytest.mark.parametrize("what", SHARED)
def test_columns(path: Path, what: str) -> None:
    column, values = SHARED[what]
    write(path, batch(before=pa.array(["text"] * len(column)), x=column))
    opened = bridge.open_arrow(path)
    array = bridge.to_numpy(opened["x"])
    assert (array.dtype, array.shape) == (values.dtype, values.shape)
    np.testing.assert_array_equal(array, values)
    assert opened.metadata == {"key": "value"}
    assert permissions(opened["x"].ptr) == "r--s"


@pytest.mark.parametrize(("mode", "in_file"), [("c", 1), ("r+", 7)])
def test_writes(path: Path, mode: Any, in_file: float) -> None:
    write(path, batch(x=[1.0, 2.0]))
    bridge.to_numpy(bridge.open_arrow(path, mode)["x"])[0] = 7
    assert pa.ipc.open_file(str(path)).read_all()["x"][0].as_py() == in_file


@needs_torch
@pytest.mark.parametrize(("mode", "in_file"), [("c", 1), ("r+", 7)])
def test_writes_of_torch(path: Path, mode: Any, in_file: float) -> None:
    write(path, batch(x=[1.0, 2.0]))
    bridge.to_torch(bridge.open_arrow(path, mode)["x"])[0] = 7
    assert pa.ipc.open_file(str(path)).read_all()["x"][0].as_py() == in_file


def test_tensors(path: Path) -> None:
    with pa.OSFile(str(path), "wb") as file:
        for array in (VALUES, np.asfortranarray(VALUES), np.arange(3)):
            pa.ipc.write_tensor(pa.Tensor.from_numpy(array), file)
    opened = bridge.open_arrow(path, "r+")
    assert list(opened) == ["0", "1", "2"]
    for name, array in (("0", VALUES), ("1", VALUES), ("2", np.arange(3))):
        np.testing.assert_array_equal(bridge.to_numpy(opened[name]), array)
    bridge.to_numpy(opened["0"])[0, 0] = 7
    with pa.OSFile(str(path), "rb") as file:
        assert pa.ipc.read_tensor(file).to_numpy()[0, 0] == 7
    with pytest.raises(bridge.SharingError, match=r"got tensors .* Leave batch out") as caught:
        bridge.open_arrow(path, batch=0)
    assert (caught.value.protocol, caught.value.field) == ("Arrow IPC", "batches")


def test_record_batches(path: Path) -> None:
    write(path, batch(x=[1, 2]), batch(x=[3]))
    with pytest.raises(bridge.SharingError, match=r"expected one record batch, got 2 .* batch=0"):
        bridge.open_arrow(path)
    assert [bridge.to_numpy(bridge.open_arrow(path, batch=i)["x"]).tolist() for i in (0, 1)] == [[1, 2], [3]]
    with pytest.raises(bridge.SharingError, match="from 0 to 1, got 2"):
        bridge.open_arrow(path, batch=2)


@pytest.mark.parametrize("number", [None, 0, 1])
def test_tables_without_rows(path: Path, number: int | None) -> None:
    schema = pa.schema([("x", pa.float32())])
    with pa.ipc.new_file(str(path), schema) as file:
        file.write_table(schema.empty_table())
    with pytest.raises(bridge.SharingError, match=r"got none .* Write a table that has rows") as caught:
        bridge.open_arrow(path, batch=number)
    assert (caught.value.protocol, caught.value.field) == ("Arrow IPC", "batches")


INNER_NULLS = pa.array([[1, None], [3, 4]], pa.list_(pa.int32(), 2))
REFUSED: dict[str, tuple[Any, dict[str, Any], str, str]] = {
    "nulls": (pa.array([1, None]), {}, "column", "nulls"),
    "lists that are null": (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), {}, "column", "nulls"),
    "nulls in lists": (INNER_NULLS, {}, "column", "nulls"),
    "nulls in tensors": (
        pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.int32(), (2,)), INNER_NULLS),
        {},
        "column",
        "nulls",
    ),
    "bits": (pa.array([True, False]), {}, "column", "bool"),
    "lists of bits": (pa.array([[True, False]], pa.list_(pa.bool_(), 2)), {}, "column", "<item: bool>[2]"),
    "text": (pa.array(["a"]), {}, "column", "string"),
    "lists": (pa.array([[1], [2, 3]]), {}, "column", "list<item: int64>"),
    "categories": (pa.array(["a", "b"]).dictionary_encode(), {}, "column", "dictionary<"),
    "times": (pa.array([1, 2], pa.timestamp("ns")), {}, "column", "timestamp[ns]"),
    "times in tensors": (
        pa.ExtensionArray.from_storage(
            pa.fixed_shape_tensor(pa.duration("s"), (1,)), pa.array([[1]], pa.list_(pa.duration("s"), 1))
        ),
        {},
        "column",
        "value_type=duration[s]",
    ),
    "intervals": (  # pyarrow 26 ends the process when it converts them
        pa.array([(1, 2, 3)], pa.month_day_nano_interval()),
        {},
        "column",
        "month_day_nano_interval",
    ),
    "compressed": (pa.array(range(1000)), {"compression": "lz4"}, "compression", "compressed"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_columns_that_are_refused_when_they_are_asked_for(path: Path, what: str) -> None:
    column, options, field, got = REFUSED[what]
    write(path, batch(x=column), **options)
    opened = bridge.open_arrow(path)
    assert "x" in opened
    with pytest.raises(bridge.SharingError, match="'x'") as caught:
        opened["x"]
    assert (caught.value.protocol, caught.value.field) == ("Arrow IPC", field)
    assert got in caught.value.got


def test_offsets_of_text_beyond_the_file_are_not_followed(path: Path) -> None:
    write(path, batch(x=[1.0, 2.0], text=["a", "b"]))
    offsets = [np.array([0, end, 2], "<i4").tobytes() for end in (1, 1 << 28)]
    path.write_bytes(path.read_bytes().replace(*offsets))
    opened = bridge.open_arrow(path)
    assert bridge.to_numpy(opened["x"]).tolist() == [1, 2]
    with pytest.raises(bridge.SharingError, match="got string for 'text'"):
        opened["text"]


def test_intervals_that_pyarrow_has_no_class_for(path: Path) -> None:
    """Arrow has three kinds of them. One of the bytes that are 2 is the kind."""
    write(path, batch(x=pa.array([(1, 2, 3)], pa.month_day_nano_interval())))
    content, found = path.read_bytes(), set()
    for at in (at for at, byte in enumerate(content) if byte == 2):
        path.unlink()
        path.write_bytes(content[:at] + b"\0" + content[at + 1 :])
        try:
            opened = bridge.open_arrow(path)
        except bridge.SharingError:
            continue
        for name in opened:
            with pytest.raises(bridge.SharingError) as caught:
                opened[name]
            found.add(caught.value.got.partition(" for ")[0])
    assert "month_interval" in found


def stream() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch(x=[1]).schema) as file:
        file.write(batch(x=[1]))
    return bytes(sink.getvalue())


def name_in_latin_1() -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, batch(name=[1]).schema) as file:
        file.write(batch(name=[1]))
    return bytes(sink.getvalue()).replace(b"name", "näme".encode("latin-1"))


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "size"),
        (b"PAR1" + bytes(20), "format"),
        (b"FEA1" + bytes(20), "format"),
        (b"ARROW1\0\0" + bytes(20), "format"),
        (bytes(20), "format"),
        (stream(), "format"),
        (name_in_latin_1(), "format"),
    ],
)
def test_other_files(path: Path, content: bytes, field: str) -> None:
    path.write_bytes(content)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.open_arrow(path)
    assert (caught.value.protocol, caught.value.field) == ("Arrow IPC", field)


def test_files_cut_short_and_changed(path: Path) -> None:
    write(path, batch(x=[1.0] * 20, y=range(20)))
    content = path.read_bytes()
    for at in range(0, len(content), 7):
        for changed in (content[:at], content[:at] + b"\xff\x7f" + content[at + 2 :]):
            path.unlink()
            path.write_bytes(changed)
            try:
                opened = bridge.open_arrow(path)
                views = [opened[name] for name in opened]
            except bridge.SharingError:
                continue
            assert all(opened.files[0].start_of(view) is not None for view in views)


def test_two_columns_of_one_name(path: Path) -> None:
    write(path, pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]))
    with pytest.raises(bridge.SharingError, match="different names"):
        bridge.open_arrow(path)
