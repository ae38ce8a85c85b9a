"""TensorFlow: aligned memory in C order. Also its own objects that are no arrays."""

# mypy: disable-error-code="attr-defined, import-not-found, import-untyped, no-untyped-call, unused-ignore"

from __future__ import annotations

from typing import Any

import tensorflow as tf

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .memory import may_be_written
from .target import NUMBERS, Target

_OUTSIDE = "convert it outside of tf.function and of the functions of tf.data"


def _share(view: _core.View) -> Any:
    return tf.experimental.dlpack.from_dlpack(may_be_written(view).__dlpack__())


def _refuse(view: _core.View) -> None:
    if not tf.executing_eagerly():
        got = "a function that is being traced, which would keep the values of this call for all later ones"
        raise SharingError("tensorflow", "tracing", "eager execution", got, _OUTSIDE)


def readable(x: Any, copies: bool) -> Any:
    """Return the tensor to read an object of TensorFlow from, or raise.

    With `copies`, a variable is read as it is now: what it is assigned later goes to other memory.
    """
    if isinstance(x, tf.Variable) and copies:
        return readable(x.value(), copies)
    if isinstance(x, tf.Variable):
        got, hint = (
            "a variable, which gets new memory when it is assigned",
            "share what it holds now: x.value()",
        )
        raise SharingError("tensorflow", "variable", "memory that stays the same", got, hint)
    if isinstance(x, tf.RaggedTensor):
        hint = "share its parts: x.flat_values and x.nested_row_splits; or pad it: x.to_tensor()"
        raise SharingError("tensorflow", "layout", "a dense tensor", "a ragged tensor", hint)
    if isinstance(x, tf.SparseTensor):
        hint = "share its parts, x.indices and x.values, or make a dense copy: tf.sparse.to_dense(x)"
        raise SharingError("tensorflow", "layout", "a dense tensor", "a sparse tensor", hint)
    if isinstance(x, tf.Tensor) and not hasattr(x, "numpy"):
        raise SharingError("tensorflow", "tracing", "an eager tensor", "a symbolic one", _OUTSIDE)
    if isinstance(x, tf.Tensor) and x.dtype in (tf.string, tf.resource, tf.variant):
        numbers = "convert the text to numbers first: tf.strings.to_number(x)"
        hint = numbers if x.dtype == tf.string else "share what it stands for, such as the variable itself"
        raise SharingError("tensorflow", "dtype", "numbers in one block of memory", x.dtype.name, hint)
    return x


TENSORFLOW = Target(
    "tensorflow",
    _share,
    address=lambda tensor: _core.capsule_address(tensor.__dlpack__()) or 0,
    is_own=lambda x: isinstance(x, tf.Tensor),
    dtypes=NUMBERS | {"bool", "bfloat16", "complex64", "complex128"},
    refuse=_refuse,
    order="C",
    alignment=64,
    immutable=True,
    devices=("cpu", "cuda"),
)


def target(kind: type | None) -> Target:
    """Return the row; variables are not made, as they copy their first value."""
    return TENSORFLOW
