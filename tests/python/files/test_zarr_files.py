"""open_zarr: uncompressed chunks of arrays that zarr wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import needs_torch
from written import permissions

zarr: Any = pytest.importorskip("zarr", reason="zarr is not installed: nox -s faults")
pytestmark = pytest.mark.filterwarnings("ignore")  # of dtypes that format 3 does not specify

VALUES = np.arange(20, dtype="f4").reshape(4, 5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.zarr"


def write(path: Path, values: Any = VALUES, **options: Any) -> Any:
    plain = {"compressors": None, "chunks": values.shape}
    array = zarr.create_array(str(path), shape=values.shape, dtype=values.dtype, **{**plain, **options})
    array[...] = values
    return array


ARRAYS = {
    "floats": (VALUES, {}),
    "Fortran order": (VALUES, {"order": "F"}),
    "edges": (VALUES, {"chunks": (3, 2)}),
    "edges in Fortran order": (VALUES, {"chunks": (3, 2), "order": "F"}),
    "names with slashes": (
        VALUES,
        {"chunks": (3, 2), "chunk_key_encoding": {"name": "v2", "separator": "/"}},
    ),
    "0-d": (np.array(7.0), {}),
    "other byte order": (VALUES.astype(">f4"), {}),
    "bool": (np.array([True, False]), {}),
    "bytes": (np.arange(5, dtype="u1"), {}),
}


@pytest.mark.parametrize("what", ARRAYS)
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_chunks(path: Path, what: str, zarr_format: int) -> None:
    values, options = ARRAYS[what]
    if zarr_format == 3 and "order" in options:
        options = {name: found for name, found in options.items() if name != "order"}
    write(path, values, zarr_format=zarr_format, **options)
    opened = bridge.open_zarr(path)
    whole = np.empty(values.shape, values.dtype)
    for index, view in opened.items():
        at = tuple(slice(i * n, (i + 1) * n) for i, n in zip(index, opened.chunks, strict=True))
        assert view.readonly
        whole[at] = bridge.to_numpy(view)
        assert permissions(view.ptr) == "r--s"
    np.testing.assert_array_equal(whole, values)
    assert (opened.shape, opened.dtype) == (values.shape, view.dtype)
    assert f"chunks: {len(opened)} of" in repr(opened)


@pytest.mark.parametrize(("mode", "in_file"), [("c", 0), ("r+", 7)])
def test_writes(path: Path, mode: Any, in_file: float) -> None:
    array = write(path)
    bridge.to_numpy(bridge.open_zarr(path, mode)[0, 0])[0, 0] = 7
    assert array[0, 0] == in_file


@needs_torch
@pytest.mark.parametrize(("mode", "in_file"), [("c", 0), ("r+", 7)])
def test_writes_of_torch(path: Path, mode: Any, in_file: float) -> None:
    array = write(path)
    bridge.to_torch(bridge.open_zarr(path, mode)[0, 0])[0, 0] = 7
    assert array[0, 0] == in_file


def test_indices(path: Path) -> None:
    write(path, chunks=(3, 2))
    opened = bridge.open_zarr(path)
    assert (len(opened), list(opened)[-1]) == (6, (1, 2))
    for index in ((2, 0), (0, 3), (-1, 0), (0,), (0, 0, 0), 0, "0", (0.0, 0)):
        assert index not in opened
        with pytest.raises(KeyError):
            opened[index]  # type: ignore[index]
    with pytest.raises(ValueError, match="mode"):
        bridge.open_zarr(path, "w")  # type: ignore[arg-type]


CODED: dict[str, dict[str, Any]] = {
    "compressed": {"compressors": "auto"},
    "sharded": {"chunks": (2, 5), "shards": (4, 5)},
    "transposed": {"filters": [zarr.codecs.TransposeCodec(order=(1, 0))]},
    "compressed, format 2": {"compressors": "auto", "zarr_format": 2},
}


@pytest.mark.parametrize("what", CODED)
def test_coded_chunks_are_refused(path: Path, what: str) -> None:
    write(path, **CODED[what])
    with pytest.raises(bridge.SharingError, match=r"Codec|Zstd") as caught:
        bridge.open_zarr(path)
    assert (caught.value.protocol, caught.value.field) == ("zarr", "codecs")


def test_text_is_refused(path: Path) -> None:
    write(path, np.array(["ab", "c"], "U2"))
    with pytest.raises(bridge.SharingError) as caught:
        bridge.open_zarr(path)
    assert (caught.value.protocol, caught.value.field) == ("zarr", "dtype")


def test_chunks_that_are_not_stored_or_have_another_size(path: Path) -> None:
    write(path, chunks=(2, 5))
    (first, second) = (path / "c" / str(i) / "0" for i in (0, 1))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    opened = bridge.open_zarr(path)
    for index, field in (((0, 0), "chunk"), ((1, 0), "size")):
        assert index in opened
        with pytest.raises(bridge.SharingError) as caught:
            opened[index]
        assert (caught.value.protocol, caught.value.field) == ("zarr", field)


def test_what_is_no_array(path: Path) -> None:
    with pytest.raises(bridge.SharingError, match="a folder"):
        bridge.open_zarr(path)
    path.mkdir()
    group = path / "group"
    zarr.create_group(str(group))
    for folder in (path, group):
        with pytest.raises(bridge.SharingError) as caught:
            bridge.open_zarr(folder)
        assert (caught.value.protocol, caught.value.field) == ("zarr", "metadata")


def changed(path: Path, **fields: Any) -> None:
    """Give an array other metadata."""
    metadata = json.loads((path / "zarr.json").read_text())
    (path / "zarr.json").write_text(json.dumps({**metadata, **fields}))


def in_chunks(*shape: int) -> dict[str, Any]:
    return {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}}}


DAMAGED: dict[str, tuple[dict[str, Any], str]] = {
    "codecs": ({"codecs": [1]}, "metadata"),
    "negative shape": ({"shape": [-4, 5]}, "metadata"),
    "chunks of another rank": (in_chunks(4), "metadata"),
    "chunks without elements": (in_chunks(0, 5), "chunks"),
    "chunks beyond 64 bits": ({"shape": [2**70, 5]}, "shape"),
    "chunks beyond 64 bits beside none": ({"shape": [2**70, 0]}, "shape"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_metadata(path: Path, what: str) -> None:
    fields, field = DAMAGED[what]
    write(path)
    changed(path, **fields)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.open_zarr(path)
    assert (caught.value.protocol, caught.value.field) == ("zarr", field)


@pytest.mark.parametrize("text", ["[1]", "1", '"a"', "null", "{", ""])
def test_metadata_that_is_no_object(path: Path, text: str) -> None:
    write(path)
    (path / "zarr.json").write_text(text)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.open_zarr(path)
    assert (caught.value.protocol, caught.value.field) == ("zarr", "metadata")


def test_more_chunks_than_memory_has_room_for(path: Path) -> None:
    write(path)
    changed(path, shape=[2**60, 5])
    opened = bridge.open_zarr(path)
    assert (len(opened), next(iter(opened)), (2**58 - 1, 0) in opened) == (2**58, (0, 0), True)


@pytest.mark.parametrize("chunks", [(0, 3), (1, 3)])
def test_no_elements(path: Path, chunks: tuple[int, ...]) -> None:
    write(path, np.zeros((0, 3)), chunks=chunks)
    assert dict(bridge.open_zarr(path)) == {}


@pytest.mark.parametrize("name", ["a::b.zarr", "a#b?c.zarr", "a%20b.zarr"])
def test_names_of_folders_that_could_be_in_a_url(tmp_path: Path, name: str) -> None:
    write(tmp_path / "plain")
    (tmp_path / "plain").rename(tmp_path / name)
    np.testing.assert_array_equal(bridge.to_numpy(bridge.open_zarr(tmp_path / name)[0, 0]), VALUES)


def test_each_field_of_the_metadata(path: Path) -> None:
    write(path)
    metadata = json.loads((path / "zarr.json").read_text())
    for name in metadata:
        (path / "zarr.json").write_text(json.dumps({**metadata, name: 7}))
        try:
            opened = bridge.open_zarr(path)
        except bridge.SharingError:
            continue
        assert len(opened) == 1
