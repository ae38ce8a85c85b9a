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


def _address(tensor: Any) -> int:
    return _core.capsule_address(tensor.__dlpack__()) or 0


def _value(variable: Any, copies: bool) -> Any:
    """Return the tensor that a variable holds now. What is assigned later leaves this tensor as it is.

    A variable that was once assigned in part makes a new tensor for each reader.
    """
    value, again = readable(variable.value(), copies), variable.value()
    if not copies and _address(value) != _address(again):
        got = "a copy for each reader, as the variable was assigned in part"
        raise SharingError(
            "tensorflow", "copy", "the variable's own memory", got, "pass copy=None to take it"
        )
    return value


def readable(x: Any, copies: bool) -> Any:
    """Return the tensor to read an object of TensorFlow from; `copies` says whether a copy will do."""
    if isinstance(x, tf.Variable):
        return _value(x, copies)
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
    address=_address,
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
