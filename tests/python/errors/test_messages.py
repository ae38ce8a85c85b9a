"""The text of a SharingError: what cannot be done, because of what, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import FreshBytes
from fakes import FakeBuffer
from numpy_bridge import SharingError, _core, add_, copy_, from_pointer, view
from refusals import Both
from support import byte_swapped, needs_torch, torch

MESSAGES: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: view(FakeBuffer(ndim=65)),
        "cannot share this through the buffer protocol: expected 0 to 64 dimensions, got 65. "
        "Merge some dimensions first. [buffer.ndim]",
    ),
    (
        lambda: view(FakeBuffer(ndim=-1)),
        "cannot share this through the buffer protocol: expected 0 to 64 dimensions, got -1. [buffer.ndim]",
    ),
    (
        lambda: view(byte_swapped(np.zeros(2))).__dlpack__(),
        "cannot share this through DLPack: expected the machine's own byte order, got >f8. "
        "Pass copy=True for a copy in native byte order. [DLPack.byte order]",
    ),
    (
        lambda: bridge.to_numpy(FreshBytes()),
        "cannot share this through __array_interface__: expected the same memory at each request, got a "
        "fresh copy each time. Pass copy=None or copy=True to take the copy. [__array_interface__.data]",
    ),
    (
        lambda: _core.values_of(np.array(["1"])),
        "NumPy cannot share this: expected a supported number dtype, got <U1. Convert text to numbers, e.g. "
        "x.astype(float), or share its code points: x.view('u4'). [NumPy.dtype]",
    ),
    (
        lambda: view(np.zeros(1, "O")),
        "NumPy cannot share this: expected a supported number dtype, got object. The elements are Python "
        "objects, such as mixed or missing values; convert them to numbers first, e.g. x.astype(float). "
        "[NumPy.dtype]",
    ),
    (
        lambda: from_pointer(8, (2,), "u1", strides=()),
        "from_pointer cannot describe this memory: expected 1 byte strides, got 0. [pointer.strides]",
    ),
    (
        lambda: add_(bytes(2), 1),
        "add_ cannot use these operands: expected writable memory, got read-only memory of a bytes. "
        "Write to a copy: numpy_bridge.to_numpy(x, copy=True). [add_.readonly]",
    ),
    (
        lambda: add_(byte_swapped(np.zeros(2)), 1),
        "add_ cannot use these operands: expected native byte order, got >f8. "
        "copy_ converts byte orders. [add_.byte order]",
    ),
    (
        lambda: copy_(np.zeros(2, "i4"), np.zeros(2, "f4")),
        "copy_ cannot use these operands: expected a dtype that casts to int32 by NumPy's rule 'same_kind', "
        "got float32. Convert src first: src.astype(np.int32) or src.to(torch.int32), "
        'or pass casting="unsafe". [copy_.dtype]',
    ),
    (
        lambda: view(Both()),
        "refusals.Both cannot be shared:\n"
        "  - buffer: expected 0 to 64 dimensions, got 65\n"
        "  - DLPack: expected DLPack major version 1, got 2.0\n"
        "Merge some dimensions first.",
    ),
]
MESSAGES_TORCH: list[tuple[Callable[[], Any], str]] = [
    (
        lambda: view(torch.ones(2, requires_grad=True)),
        "torch cannot share this: expected a tensor that does not require grad, got requires_grad = True. "
        "Writes through an alias are invisible to autograd; share t.detach() if that is fine. "
        "[torch.requires_grad]",
    ),
    (
        lambda: bridge.to_torch(b"ab"),
        "torch cannot share this: expected writable memory, as a tensor can always be written to, got "
        "read-only memory. Pass copy=True for a writable copy, or allow_readonly=True to share it and never "
        "write to it; memory of pandas, polars, JAX and np.load(..., mmap_mode='r') is read-only. "
        "[torch.readonly]",
    ),
    (
        lambda: bridge.to_torch(np.zeros(2)[::-1]),
        "torch cannot share this: expected strides of 0 or more, got (-8,) bytes. Pass copy=True, or share "
        "the unreversed array and flip it in the other library. [torch.strides]",
    ),
]


@pytest.mark.parametrize(
    ("provoke", "text"), [*MESSAGES, *(pytest.param(*row, marks=needs_torch) for row in MESSAGES_TORCH)]
)
def test_message(provoke: Callable[[], Any], text: str) -> None:
    with pytest.raises(SharingError) as caught:
        provoke()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("hint", "sentence"),
    [
        ("share its bytes", "Share its bytes."),
        ("a copy", "A copy."),
        ("first, this", "First, this."),
        ("wait", "Wait."),
        ("x.copy() does it", "x.copy() does it."),
        ("x is a number", "x is a number."),
        ("copy_ converts", "copy_ converts."),
        ("numpy_bridge.view(x)", "numpy_bridge.view(x)."),
        ("0 could mean either", "0 could mean either."),
        ("Python says so", "Python says so."),
        ("être", "être."),
        ("a.b", "a.b."),
        ("It is over.", "It is over."),
    ],
)
def test_a_hint_is_a_sentence_and_keeps_code_as_it_is(hint: str, sentence: str) -> None:
    assert str(SharingError("torch", "b", "c", "d", hint)) == (
        f"torch cannot share this: expected c, got d. {sentence} [torch.b]"
    )


PROTOCOLS = (
    "buffer",
    "DLPack",
    "__array__",
    "NumPy",
    "torch",
    "CUDA",
    "pointer",
    "returned",
    "add_",
    "copy_",
    "?",
)
HINTS = (
    "",
    "share it",
    "a copy",
    "x, then y",
    "x.copy()",
    "copy_ it",
    "wait",
    "0",
    "Python",
    "être",
    "ok; then",
)


def test_cpp_composes_the_same_text(extension: ModuleType) -> None:
    """In an extension, where the package may not be importable, C++ composes the text."""
    for protocol in PROTOCOLS:
        for hint in HINTS:
            for field, got in (("field", "that"), ("field", "No."), ("protocols", "a: one\nb: two")):
                with pytest.raises(BufferError) as caught:
                    extension.refuse(protocol, field, "this", got, hint)
                assert str(caught.value) == str(SharingError(protocol, field, "this", got, hint))


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (
            [1, 2],
            "list has no memory to share: it holds Python objects, not one block of numbers. "
            "Make an array of it first: numpy.asarray(x)",
        ),
        (
            1.5,
            "float has no memory to share: it is a single Python number. "
            "Make an array of it first: numpy.asarray(x)",
        ),
        (
            "text",
            "str has no memory to share: it supports none of: the buffer protocol, DLPack, the array "
            "interfaces, __array__",
        ),
    ],
)
@pytest.mark.parametrize("copy", [False, None, True])
def test_objects_without_memory(x: Any, text: str, copy: bool | None) -> None:
    with pytest.raises(TypeError) as caught:
        bridge.to_numpy(x, copy=copy)
    assert str(caught.value) == text


# Hints that depend on what was passed already


class Uncopied:
    """Has no array, with or without a copy."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise ValueError("no array at all")


@pytest.mark.parametrize("copy", [None, True])
def test_a_copy_is_not_advised_twice(copy: bool | None) -> None:
    with pytest.raises(SharingError) as caught:
        bridge.to_numpy(Uncopied())
    assert caught.value.hint == ""  # a copy would not do either
    with pytest.raises(SharingError) as caught:
        bridge.to_numpy(Uncopied(), copy=copy)
    assert "copy" not in str(caught.value)


def like_pandas(values: np.ndarray, dtype: str, **attributes: Any) -> Any:
    """An object that is called as those of pandas are, and whose values are only there as a copy."""

    def array(self: Any, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if copy is False:
            raise ValueError("Unable to avoid copy")
        return values.copy()

    kind = type(dtype, (), {"__module__": "pandas.core.dtypes.dtypes"})
    given = {
        "__module__": "pandas.core.series",
        "__array__": array,
        "dtype": kind(),
        "size": values.size,
        **attributes,
    }
    return type("Series", (), given)()


@pytest.mark.parametrize("copy", [False, None, True])
def test_categories_are_shared_by_their_codes(copy: bool | None) -> None:
    labels = np.array(["a", "b"], object)
    for attributes, advice in (({}, "x.cat.codes"), ({"codes": np.zeros(2, "i1")}, "x.codes")):
        with pytest.raises(SharingError) as caught:
            bridge.to_numpy(like_pandas(labels, "CategoricalDtype", **attributes), copy=copy)
        assert caught.value.hint == f"share the codes of the categories: {advice}"
    numbers = like_pandas(np.arange(2), "Int64Dtype")
    with pytest.raises(SharingError, match="Pass copy=None"):
        bridge.to_numpy(numbers)
    assert bridge.to_numpy(numbers, copy=None).tolist() == [0, 1]


@pytest.mark.parametrize("copy", [False, None, True])
def test_traced_values_of_jax_have_no_memory(copy: bool | None) -> None:
    jax = pytest.importorskip("jax")
    seen: list[str] = []

    def traced(x: Any) -> Any:
        with pytest.raises(SharingError) as caught:
            bridge.to_numpy(x, copy=copy)
        seen.append(caught.value.hint)
        return x

    jax.jit(traced)(np.ones(2, "f4"))
    assert seen == [
        "x is a traced value inside jax.jit and has no memory yet; convert it outside the traced function"
    ]
