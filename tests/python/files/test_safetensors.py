"""open_safetensors: values, aliasing of the file in each mode, lifetime, and files with an index."""

from __future__ import annotations

import ctypes
import gc
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.files.safetensors import DTYPES
from numpy_bridge.memory.mapping import mapping_of
from support import in_child, needs_torch, torch
from written import entry, file_of, permissions, resident

VALUES = np.arange(6, dtype="f4").reshape(2, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two tensors, whose data begins at a multiple of 8 bytes; the first has 6 floats."""
    header = json.dumps(
        {"w": entry(0, 24, [2, 3]), "b": entry(24, 28, [2], "BF16"), "__metadata__": {"a": "b"}}
    )
    path = tmp_path / "model.safetensors"
    path.write_bytes(file_of(header.ljust(-(-len(header) // 8) * 8), VALUES.tobytes() + bytes(4)))
    return path


def first_float(path: Path) -> float:
    """The first element of `w`, as the file has it."""
    return float(np.frombuffer(path.read_bytes()[-28:-4], "f4")[0])


def test_a_mapping_of_views(path: Path) -> None:
    opened = bridge.open_safetensors(path)
    assert (list(opened), len(opened), dict(opened.metadata)) == (["w", "b"], 2, {"a": "b"})
    assert "w" in opened
    assert "x" not in opened
    with pytest.raises(KeyError):
        opened["x"]
    assert all(isinstance(view, bridge.View) for view in opened.values())
    np.testing.assert_array_equal(bridge.to_numpy(opened["w"]), VALUES)
    assert (opened["b"].dtype, opened["b"].shape) == ("bfloat16", (2,))
    assert bridge.shares_memory(opened["w"], opened["w"])
    assert "2 in <numpy_bridge file model.safetensors, read-only>" in repr(opened)
    assert "2 in" in repr(bridge.open_safetensors(str(path).encode()))


@pytest.mark.parametrize(("mode", "allowed"), [("r", "r--s"), ("c", "rw-p"), ("r+", "rw-s")])
def test_modes(path: Path, mode: Any, allowed: str) -> None:
    view = bridge.open_safetensors(path, mode)["w"]
    assert permissions(view.ptr) == allowed
    assert view.readonly == (mode == "r")


def write_by_numpy(view: bridge.View) -> None:
    bridge.to_numpy(view)[0, 0] = 7


def write_by_torch(view: bridge.View) -> None:
    bridge.to_torch(view)[0, 0] = 7


@pytest.mark.parametrize("write", [write_by_numpy, pytest.param(write_by_torch, marks=needs_torch)])
class TestWrites:
    def test_reach_the_file(self, path: Path, write: Any) -> None:
        write(bridge.open_safetensors(path, "r+")["w"])
        assert first_float(path) == 7
        assert bridge.to_numpy(bridge.open_safetensors(path)["w"])[0, 0] == 7

    def test_stay_in_the_process(self, path: Path, write: Any) -> None:
        before, opened = path.read_bytes(), bridge.open_safetensors(path, "c")
        write(opened["w"])
        assert bridge.to_numpy(opened["w"])[0, 0] == 7
        assert path.read_bytes() == before

    def test_are_refused(self, path: Path, write: Any) -> None:
        with pytest.raises((ValueError, bridge.SharingError), match="read-only"):
            write(bridge.open_safetensors(path)["w"])


@needs_torch
def test_a_tensor_over_the_file_sees_its_writes(path: Path) -> None:
    tensor = bridge.to_torch(bridge.open_safetensors(path)["w"], allow_readonly=True)
    write_by_numpy(bridge.open_safetensors(path, "r+")["w"])
    assert tensor[0, 0] == 7


def as_tensor(view: bridge.View) -> Any:
    return bridge.to_torch(view, allow_readonly=True)


def test_explain_names_the_file(path: Path) -> None:
    for mode, effect in (("r", "the kernel refuses writes"), ("c", "stays in this process")):
        mapped = bridge.explain(bridge.open_safetensors(path, mode)["w"]).what.mapped  # type: ignore[arg-type]
        assert mapped.startswith(str(path))
        assert effect in mapped


def test_nothing_is_read_until_an_element_is(tmp_path: Path) -> None:
    path = tmp_path / "large.safetensors"
    size = 1 << 24
    path.write_bytes(file_of({"x": entry(0, size, [size], "U8")}, bytes(size)))
    view = bridge.open_safetensors(path)["x"]
    assert resident(view.ptr) == 0
    assert bridge.to_numpy(view)[-1] == 0
    assert 0 < resident(view.ptr) < size >> 10


@pytest.mark.parametrize("mode", ["r", "c", "r+"])
@pytest.mark.parametrize("convert", [bridge.to_numpy, pytest.param(as_tensor, marks=needs_torch)])
def test_the_file_is_mapped_until_the_last_array_has_gone(path: Path, convert: Any, mode: Any) -> None:
    array = convert(bridge.open_safetensors(path, mode)["w"])
    path.unlink()
    gc.collect()
    np.testing.assert_array_equal(np.asarray(array), VALUES)
    address = bridge.view(array).ptr
    assert "model.safetensors" in str(mapping_of(address))
    del array
    gc.collect()
    mapping = mapping_of(address)
    assert mapping is None or "model.safetensors" not in mapping.path


def test_views_hold_no_descriptor(path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    kept = [bridge.open_safetensors(path, mode) for mode in ("r", "c", "r+") * 3]  # type: ignore[arg-type]
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert len(kept) == 9


@pytest.mark.parametrize(("dtype", "bits", "name"), [(d, *rest) for d, rest in DTYPES.items() if rest[1]])
def test_dtypes(tmp_path: Path, dtype: str, bits: int, name: str) -> None:
    path = tmp_path / "a.safetensors"
    data = bytes(range(1, bits + 1))  # 8 elements
    path.write_bytes(file_of({"x": entry(0, bits, [1, 8], dtype)}, data))
    view = bridge.open_safetensors(path)["x"]
    assert (view.dtype, view.shape) == (name, (1, 4) if dtype == "F4" else (1, 8))
    assert bytes(bridge.from_pointer(view.ptr, view.nbytes, "uint8", owner=view)) == data


@pytest.mark.parametrize(
    ("dtype", "shape", "size"), [("F6_E2M3", [4], 3), ("F6_E3M2", [2, 2], 3), ("F4", [2, 3], 3)]
)
def test_what_no_library_has_is_refused_when_it_is_asked_for(
    tmp_path: Path, dtype: str, shape: list[int], size: int
) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(
        file_of({"x": entry(0, size, shape, dtype), "y": entry(size, size + 1, [], "U8")}, b"1234")
    )
    opened = bridge.open_safetensors(path)
    assert "x" in opened
    assert bridge.to_numpy(opened["y"]) == ord("4")
    with pytest.raises(bridge.SharingError, match=f"got {dtype}"):
        opened["x"]


def test_zero_dimensions_no_elements_and_odd_names(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    names = ["", "größe", "日本", "a/b", '"\\', "\N{GRINNING FACE}", "x" * 1000]
    tensors = {name: entry(i, i + 1, [], "U8") for i, name in enumerate(names)}
    tensors["none"] = entry(7, 7, [3, 0, 2])
    path.write_bytes(file_of(tensors, bytes(range(7))))
    opened = bridge.open_safetensors(path, "c")
    assert [int(bridge.to_numpy(opened[name])) for name in names] == list(range(7))
    assert opened["none"].shape == (3, 0, 2)
    assert bridge.to_numpy(opened["none"]).size == 0


def test_a_file_without_tensors(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(file_of("{}  "))
    assert dict(bridge.open_safetensors(path)) == {}


@needs_torch
def test_elements_at_odd_addresses_are_read_by_numpy_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    header = json.dumps({"x": entry(0, 24, [2, 3])})
    path.write_bytes(file_of(header + " " * (1 - (8 + len(header)) % 2), VALUES.tobytes()))
    view = bridge.open_safetensors(path)["x"]
    assert view.ptr % 4
    np.testing.assert_array_equal(bridge.to_numpy(view), VALUES)
    with pytest.raises(bridge.SharingError, match="align"):
        bridge.to_torch(view, allow_readonly=True)
    assert torch.equal(bridge.to_torch(view, copy=True), torch.from_numpy(VALUES))


def test_the_kernel_refuses_writes_to_read_only_memory(path: Path) -> None:
    view = bridge.open_safetensors(path)["w"]

    def write() -> None:
        ctypes.memset(view.ptr, 1, 1)

    with pytest.raises(AssertionError, match="killed by that signal"):
        in_child(write)
    np.testing.assert_array_equal(bridge.to_numpy(view), VALUES)


class TestIndex:
    """Files of weights beside an index."""

    @pytest.fixture
    def index(self, path: Path) -> Path:
        second = path.with_name("second.safetensors")
        second.write_bytes(file_of({"é": entry(0, 4, [1]), "not in the index": entry(4, 4, [0])}, bytes(4)))
        index = path.with_name("model.safetensors.index.json")
        names = {"w": path.name, "é": second.name, "b": path.name}
        index.write_text(json.dumps({"metadata": {"total_size": 32.0}, "weight_map": names}))
        return index

    def test_is_one_mapping_over_all_files(self, index: Path, path: Path) -> None:
        opened = bridge.open_safetensors(index, "r+")
        assert list(opened) == ["w", "é", "b"]
        assert opened.metadata["total_size"] == 32
        assert [Path(file.path).name for file in opened.files] == ["model.safetensors", "second.safetensors"]
        assert "3 in 2 files" in repr(opened)
        write_by_numpy(opened["w"])
        assert first_float(path) == 7
        opened.verify()

    @pytest.mark.parametrize(
        ("text", "field"),
        [
            ("{", "index"),
            ("[]", "index"),
            ("{}", "weight_map"),
            ('{"weight_map": []}', "weight_map"),
            ('{"weight_map": {}}', "weight_map"),
            ('{"weight_map": {"a": 1}}', "weight_map"),
            ('{"weight_map": {}, "weight_map": {}}', "index"),
            ('{"weight_map": {"w": "model.safetensors"}, "metadata": 1}', "metadata"),
            ('{"weight_map": {"w": "\\ud800"}}', "index"),
            ('{"weight_map": {"\\udc00": "model.safetensors"}}', "index"),
            ('{"weight_map": {"w": "model.safetensors"}, "metadata": {"a": ["\\ud800"]}}', "index"),
            ('{"weight_map": {"w": "other.safetensors"}}', "shard"),
            ('{"weight_map": {"w": "../model.safetensors"}}', "shard"),
            ('{"weight_map": {"w": "/model.safetensors"}}', "shard"),
            ('{"weight_map": {"w": "a\\u0000b"}}', "shard"),
            ('{"weight_map": {"w": ".."}}', "shard"),
            ('{"weight_map": {"w": ""}}', "shard"),
            ('{"weight_map": {"x": "model.safetensors"}}', "tensor"),
            ('{"weight_map": {"w": "model.safetensors.index.json"}}', "header"),
        ],
    )
    def test_refusals(self, index: Path, text: str, field: str) -> None:
        index.write_text(text)
        with pytest.raises(bridge.SharingError) as caught:
            bridge.open_safetensors(index)
        assert (caught.value.protocol, caught.value.field) == ("safetensors", field)
