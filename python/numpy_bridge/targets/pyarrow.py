"""pyarrow: Tensor for all layouts, Array for one axis, FixedShapeTensorArray for more."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .composite import Ragged, Taking
from .target import NUMBERS, Target, device_of


@lru_cache(maxsize=64)
def _element(dtype: str) -> Any:
    return pa.from_numpy_dtype(dtype)


@lru_cache(maxsize=256)
def _fixed_shape(dtype: str, shape: tuple[int, ...]) -> Any:
    return pa.fixed_shape_tensor(_element(dtype), shape)


def flat(view: _core.View) -> Any:
    """Return an Array of all elements of C-contiguous memory."""
    count = view.nbytes // view.itemsize
    return pa.Array.from_buffers(_element(view.dtype), count, [None, pa.py_buffer(view)])


def _share_array(view: _core.View) -> Any:
    if view.ndim == 1:
        return flat(view)
    each = view.shape[1:]
    rows = pa.FixedSizeListArray.from_arrays(flat(view), prod(each))
    return pa.ExtensionArray.from_storage(_fixed_shape(view.dtype, each), rows)


def _address(array: Any) -> int:
    return int(array.buffers()[-1].address)  # the numbers; those before it mark missing ones


def _device_of(array: Any) -> str:
    return "cpu" if array.is_cpu else device_of(array)  # text and bits have no address of numbers


def _copied_tensor(tensor: Any) -> Any:
    values = np.copy(tensor.to_numpy(), order="K")
    return pa.Tensor.from_numpy(values, dim_names=tensor.dim_names or None)


def axes(name: str, least: int, hint: str) -> Any:
    """Return a check for a number of axes, of which none but the first may be empty."""

    def refuse(view: _core.View) -> None:
        if view.ndim < least:
            expected = "an axis or more" if least == 1 else f"{least} axes or more"
            raise SharingError(name, "ndim", expected, f"ndim = {view.ndim}", hint)
        if 0 in view.shape[1:]:
            expected = "elements along all axes but the first"
            instead = "pass like=pyarrow.Tensor" if name == "pyarrow" else ""
            raise SharingError(name, "shape", expected, str(view.shape), instead)

    return refuse


TENSOR = Target(
    "pyarrow",
    lambda view: pa.Tensor.from_numpy(_core.to_numpy(view)),
    address=lambda tensor: _core.view(tensor).ptr,
    is_own=lambda x: isinstance(x, pa.Tensor),
    dtypes=NUMBERS,
    order="forward",
    copy_own=_copied_tensor,
)


def parts(x: Any, copies: bool) -> Ragged | None:
    """Return the parts of an array of lists."""
    if isinstance(x, pa.ChunkedArray) and x.num_chunks == 1:
        x = x.chunk(0)
    if not isinstance(x, pa.Array) or not (pa.types.is_list(x.type) or pa.types.is_large_list(x.type)):
        return None
    if x.null_count:
        hint = "leave them out, x.drop_null(), or make them empty lists: pyarrow.compute.fill_null(x, [])"
        raise SharingError(
            "pyarrow", "missing", "a list for every row", f"{x.null_count} missing lists", hint
        )
    return Ragged.of("pyarrow", x.values, x.offsets, copies)


def _ragged(x: Ragged, take: Taking) -> Any:
    values, offsets = take("values", x.values), take("offsets", x.offsets)
    lists = pa.ListArray if offsets.type == pa.int32() else pa.LargeListArray
    return lists.from_arrays(offsets, values)


ARRAY = Target(
    "pyarrow",
    _share_array,
    address=_address,
    is_own=lambda x: isinstance(x, pa.Array),
    dtypes=NUMBERS,
    refuse=axes("pyarrow", 1, "pass like=pyarrow.Tensor, or share x.reshape(1)"),
    order="C",
    immutable=True,
    copy_own=lambda array: pa.concat_arrays([array]),
    device_of=_device_of,
    compose={Ragged: _ragged},
)

FIXED_SHAPE = replace(
    ARRAY,
    is_own=lambda x: isinstance(x, pa.FixedShapeTensorArray),
    refuse=axes("pyarrow", 2, "pass like=pyarrow.Array"),
    compose=None,
)


def target(kind: type | None) -> Target:
    """Return the row of a class; that of Array for the library itself."""
    if kind is None:
        return ARRAY
    for base, row in ((pa.Tensor, TENSOR), (pa.FixedShapeTensorArray, FIXED_SHAPE), (pa.Array, ARRAY)):
        if issubclass(kind, base):
            return row
    raise TypeError(f"like: expected pyarrow.Tensor, Array or FixedShapeTensorArray, got {kind.__name__}")
