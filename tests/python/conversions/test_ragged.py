"""Lists of different lengths: awkward, Arrow and torch share values and offsets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

torch = pytest.importorskip("torch", reason="torch is not installed")
ak: Any = pytest.importorskip("awkward", reason="awkward is not installed: nox -s faults")
pa: Any = pytest.importorskip("pyarrow", reason="pyarrow is not installed: nox -s faults")

LISTS = [[0.0, 1.0, 2.0], [], [3.0, 4.0], [5.0]]
OFFSETS = [0, 3, 3, 5, 6]


def of_awkward(values: np.ndarray, offsets: np.ndarray) -> Any:
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index(offsets), ak.contents.NumpyArray(values)))


def of_arrow(values: np.ndarray, offsets: np.ndarray) -> Any:
    kind = pa.ListArray if offsets.dtype == np.int32 else pa.LargeListArray
    numbers = pa.array(values) if values.ndim == 1 else pa.FixedShapeTensorArray.from_numpy_ndarray(values)
    return kind.from_arrays(pa.array(offsets), numbers)


def of_torch(values: np.ndarray, offsets: np.ndarray) -> Any:
    return torch.nested.nested_tensor_from_jagged(torch.from_numpy(values), torch.from_numpy(offsets))


MAKERS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "awkward": of_awkward,
    "pyarrow": of_arrow,
    "torch": of_torch,
}


def lists_of(x: Any) -> list[Any]:
    return [each.tolist() for each in x.unbind()] if isinstance(x, torch.Tensor) else x.tolist()


def shared(x: Any, like: Any, **options: Any) -> Any:
    return bridge.to(x, like, allow_mutable=True, allow_readonly=True, **options)


@pytest.mark.parametrize("index", ["int32", "int64"])
@pytest.mark.parametrize("like", MAKERS)
@pytest.mark.parametrize("source", MAKERS)
def test_values_and_offsets_are_shared(source: str, like: str, index: str) -> None:
    values, offsets = np.arange(6.0), np.array(OFFSETS, index)
    x = MAKERS[source](values, offsets)
    other = shared(x, like)
    assert lists_of(other) == LISTS
    values[4] = 44
    offsets[1] = 2  # one number moves to the next list
    offsets[2] = 2
    assert lists_of(MAKERS[like](values, offsets))[2] == [2, 3, 44]
    parts = np.asarray(values_of(other)), np.asarray(offsets_of(other))
    assert parts[0][4] == 44
    assert parts[1].tolist() == [0, 2, 2, 5, 6]
    assert parts[1].dtype == offsets.dtype


def values_of(x: Any) -> Any:
    if isinstance(x, ak.Array):
        return x.layout.content.data
    return x.values() if isinstance(x, torch.Tensor) else x.values


def offsets_of(x: Any) -> Any:
    if isinstance(x, ak.Array):
        return x.layout.offsets.data
    return x.offsets() if isinstance(x, torch.Tensor) else x.offsets


def test_a_write_to_a_tensor_is_seen_by_all() -> None:
    tensor = of_torch(np.arange(6.0), np.array(OFFSETS))
    lists, arrays = shared(tensor, "pyarrow"), shared(tensor, "awkward")
    tensor.values()[3] = 33
    assert lists.tolist()[2] == arrays.tolist()[2] == [33, 4]
    del tensor
    assert lists.tolist()[3] == arrays.tolist()[3] == [5]


@pytest.mark.parametrize("source", MAKERS)
@pytest.mark.parametrize("like", MAKERS)
def test_values_of_several_axes(source: str, like: str) -> None:
    values = np.arange(12.0).reshape(6, 2)
    x = MAKERS[source](values, np.array(OFFSETS))
    other = shared(x, like)
    values[5, 1] = 77
    assert np.asarray(lists_of(other)[3]).tolist() == [[10, 77]]


@pytest.mark.parametrize("source", ["awkward", "pyarrow"])
@pytest.mark.parametrize("index", ["int32", "int64"])
def test_slices(source: str, index: str) -> None:
    values = np.arange(6.0)
    x = MAKERS[source](values, np.array(OFFSETS, index))
    head = shared(x[:3], "torch")
    assert lists_of(head) == LISTS[:3]
    with pytest.raises(bridge.SharingError, match="offsets that begin at 0, got a slice") as caught:
        shared(x[2:], "torch")
    assert (caught.value.field, "copy=None" in caught.value.hint) == ("offsets", True)
    tail = shared(x[2:], "torch", copy=None)
    middle = shared(x[2:3], "torch", copy=None)
    values[4] = 44  # values are shared, offsets computed
    assert lists_of(tail) == [[3, 44], [5]]
    assert lists_of(middle) == [[3, 44]]
    assert lists_of(head)[2] == [3, 44]
    assert tail.offsets().dtype == getattr(torch, index)


@pytest.mark.parametrize("like", MAKERS)
@pytest.mark.parametrize("source", MAKERS)
def test_copies(source: str, like: str) -> None:
    values, offsets = np.arange(6.0), np.array(OFFSETS)
    made = MAKERS[source](values, offsets)
    copied = bridge.to(made, like, copy=True)
    values[...] = 9
    if source != "torch" or like != "torch":  # `clone` keeps the offsets
        offsets[1:] = 6
    assert lists_of(copied) == LISTS


@pytest.mark.parametrize("lists", [[], [[]], [[], []]])
@pytest.mark.parametrize("kind", ["list_", "large_list"])
def test_no_elements(kind: str, lists: list[list[float]]) -> None:
    x = pa.array(lists, getattr(pa, kind)(pa.float32()))
    assert lists_of(shared(x, "torch", copy=None)) == lists
    assert lists_of(shared(x, "awkward", copy=None)) == lists


def test_one_chunk_is_an_array() -> None:
    assert lists_of(shared(pa.chunked_array([LISTS]), "torch")) == LISTS


def test_lists_of_polars() -> None:
    pl = pytest.importorskip("polars", reason="polars is not installed: nox -s faults")
    column = pl.Series(LISTS)
    tensor = shared(column, "torch")
    tensor.values()[3] = 33
    assert column.to_list()[2] == [33, 4]
    two = pl.concat([column, column], rechunk=False)
    with pytest.raises(bridge.SharingError, match="2 chunks"):
        shared(two, "torch")
    assert len(shared(two, "awkward", copy=None)) == 8
    assert lists_of(shared(column[1:3], "torch", copy=None)) == [[], [33, 4]]
    with pytest.raises(bridge.SharingError, match="missing lists"):
        shared(pl.Series([[1], None]), "torch")


def test_own_objects_stay() -> None:
    values, offsets = np.arange(6.0), np.array(OFFSETS)
    for name, make in MAKERS.items():
        x = make(values, offsets)
        assert bridge.to(x, name) is x
        assert lists_of(bridge.to(x, name, copy=True)) == LISTS


def test_lists_of_one_length_are_still_lists() -> None:
    """What is made depends on the type only. `to_torch` makes one block where it can."""
    x = ak.Array([[1.0, 2.0], [3.0, 4.0]])
    assert shared(x, "torch").is_nested
    assert not bridge.to_torch(x, allow_readonly=True).is_nested
    assert not shared(ak.to_regular(x), "torch").is_nested


def test_awkward_arrays_over_one_block() -> None:
    a = np.arange(6.0).reshape(2, 3)
    with pytest.raises(bridge.SharingError, match="allow_mutable"):
        bridge.to(a, "awkward")
    x = bridge.to(a, "awkward", allow_mutable=True)
    a[1, 2] = 9
    assert x.tolist()[1] == [3, 4, 9]
    with pytest.raises(TypeError, match=r"expected awkward\.Array"):
        bridge.to(a, ak.Record)


def torch_lists() -> Any:
    return of_torch(np.arange(12.0).reshape(6, 2), np.array(OFFSETS))


def with_gaps() -> Any:
    lengths = torch.tensor([2, 2])
    return torch.nested.nested_tensor_from_jagged(torch.arange(6.0), torch.tensor([0, 3, 6]), lengths)


REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "read-only": (lambda: bridge.to(ak.Array(LISTS), "torch"), "readonly", "in its values"),
    "writable": (lambda: bridge.to(torch_lists(), "pyarrow"), "readonly", "in its values"),
    "missing lists": (lambda: shared(pa.array([[1], None]), "torch"), "missing", "1 missing lists"),
    "missing values": (lambda: shared(pa.array([[1, None]]), "torch"), "missing", "in its values"),
    "missing in awkward": (lambda: shared(ak.Array([[1, None]]), "torch"), "content", "IndexedOptionArray"),
    "missing list": (lambda: shared(ak.Array([[1], None]), "torch"), "layout", "IndexedOptionArray"),
    "masked": (
        lambda: shared(ak.mask(ak.Array([[1], [2]]), [True, False]), "torch"),
        "layout",
        "ByteMaskedArray",
    ),
    "records": (lambda: shared(ak.Array([[{"a": 1}]]), "torch"), "content", "RecordArray"),
    "lists of lists": (lambda: shared(ak.Array([[[1], []]]), "torch"), "content", "ListOffsetArray"),
    "another order": (lambda: shared(ak.Array(LISTS)[[3, 0]], "torch"), "layout", "ListArray"),
    "gaps": (lambda: shared(with_gaps(), "awkward"), "layout", "gaps"),
    "transposed": (lambda: shared(torch_lists().transpose(1, 2), "awkward"), "layout", "another order"),
    "autograd": (lambda: shared(torch_lists().requires_grad_(), "awkward"), "requires_grad", "in its values"),
    "a device": (lambda: shared(pa.array(LISTS), "torch", device="cuda"), "device", "memory on cpu"),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    call, field, got = REFUSED[name]
    with pytest.raises(bridge.SharingError) as caught:
        call()
    assert (caught.value.field, got in caught.value.got) == (field, True), caught.value
    assert caught.value.hint


def test_order_and_gaps_are_mended_by_a_copy() -> None:
    assert lists_of(shared(ak.Array(LISTS)[[3, 0]], "torch", copy=None)) == [LISTS[3], LISTS[0]]


@pytest.mark.parametrize("values", [["a"], [True], [[1]]])
def test_other_elements_of_arrow_are_refused(values: list[Any]) -> None:
    with pytest.raises(bridge.SharingError, match="in its values"):
        shared(pa.array([values]), "torch")
