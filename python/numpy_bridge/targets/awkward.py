"""awkward: one block of memory in any layout, and lists of different lengths."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from typing import Any

import awkward as ak

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .composite import Ragged, Taking
from .target import NUMBERS, Target

_HINTS = {
    "ListArray": "pack the lists first, which copies them: awkward.to_packed(x)",
    "IndexedArray": "pack the lists first, which copies them: awkward.to_packed(x)",
    "ListOffsetArray": "flatten the inner lists first: awkward.flatten(x, axis=2)",
    "RecordArray": "share each field by itself: x['name']",
    "IndexedOptionArray": "fill the missing values, awkward.fill_none(x, 0), or leave them out",
}


def parts(x: Any, copies: bool) -> Ragged | None:
    """Return the parts of an array of lists."""
    layout = x.layout if isinstance(x, ak.Array) else x
    if not isinstance(layout, ak.contents.Content) or layout.purelist_isregular or layout.purelist_depth == 1:
        return None
    if copies and isinstance(layout, ak.contents.ListArray | ak.contents.IndexedArray):
        layout = ak.to_packed(layout, highlevel=False)
    if not isinstance(layout, ak.contents.ListOffsetArray):
        raise _refusal("layout", "lists that follow each other", layout)
    if not isinstance(layout.content, ak.contents.NumpyArray | ak.contents.RegularArray):
        raise _refusal("content", "numbers in the lists", layout.content)
    values = _core.to_numpy(_core.view(ak.Array(layout.content), readonly=True))
    return Ragged.of(
        "awkward", values, _core.to_numpy(_core.view(layout.offsets.data, readonly=True)), copies
    )


def _refusal(field: str, expected: str, layout: Any) -> SharingError:
    kind = type(layout).__name__
    missing = isinstance(layout, ak.contents.BitMaskedArray | ak.contents.ByteMaskedArray)
    hint = _HINTS.get("IndexedOptionArray" if missing else kind, "")
    return SharingError("awkward", field, expected, f"a {kind}", hint)


def _ragged(x: Ragged, take: Taking) -> Any:
    values, offsets = take("values", x.values).layout, take("offsets", x.offsets).layout
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index(offsets.data), values))


AWKWARD = Target(
    "awkward",
    lambda view: ak.Array(ak.contents.NumpyArray(_core.to_numpy(view))),
    address=lambda array: int(_core.view(array).ptr),
    is_own=lambda x: isinstance(x, ak.Array),
    dtypes=NUMBERS | {"bool", "complex64", "complex128"},
    immutable=True,
    copy_own=ak.copy,
    device_of=lambda array: "cpu",
    compose={Ragged: _ragged},
)


def target(kind: type | None) -> Target:
    """Return the row of awkward.Array, the only class that is made."""
    if kind is None or issubclass(kind, ak.Array):
        return AWKWARD
    raise TypeError(f"like: expected awkward.Array, got {kind.__name__}")
