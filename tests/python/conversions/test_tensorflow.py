"""TensorFlow both ways: what is shared, and what is refused by name. `nox -s tensorflow` installs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: nox -s tensorflow")

CALLS: dict[str, Callable[[Any], object]] = {
    "view": bridge.view,
    "to_numpy": bridge.to_numpy,
    "to_numpy, copying": lambda x: bridge.to_numpy(x, copy=None),
    "to_torch": bridge.to_torch,
    "shares_memory": lambda x: bridge.shares_memory(x, np.ones(2)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("dtype", ["string", "resource"])
def test_what_ends_the_process_is_not_asked_for(dtype: str, call: Callable[[Any], object]) -> None:
    """TensorFlow checks that elements can be copied as bytes, by ending the process if not."""
    tensor = (
        tf.constant(["some", "text"])
        if dtype == "string"
        else tf.raw_ops.VarHandleOp(dtype="float", shape=[])
    )
    with pytest.raises(bridge.SharingError, match=f"expected numbers in one block of memory, got {dtype}"):
        call(tensor)


def test_it_is_explained() -> None:
    explanation = bridge.explain(tf.constant(["some", "text"]))
    assert not explanation
    outcomes = {protocol.name: protocol.outcome for protocol in explanation.protocols}
    assert outcomes["__dlpack__"] == "refuses"


# Into TensorFlow


def block(shape: tuple[int, ...] = (4, 16), dtype: str = "float32") -> np.ndarray:
    """Aligned memory that holds 0, 1, 2, ..."""
    array = bridge.to_numpy(bridge.empty(shape, dtype, like="tensorflow"))
    array[...] = np.arange(array.size).reshape(shape)
    return array


NUMBERS = [
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]


@pytest.mark.parametrize("dtype", NUMBERS)
def test_writes_to_the_source_are_seen(dtype: str) -> None:
    source = block(dtype=dtype)
    tensor = bridge.to_tensorflow(source, allow_mutable=True)
    source[0, 0] = 99
    assert tensor.dtype == dtype
    assert np.array_equal(tensor.numpy(), source)
    assert bridge.to(tensor, tensor) is tensor


def test_read_only_memory_is_shared_and_never_written() -> None:
    source = block()
    source.flags.writeable = False
    tensor = bridge.to_tensorflow(source)
    assert bridge.shares_memory(tensor, source)
    variable = tf.Variable(tensor)
    variable.assign_add(tf.ones_like(tensor))
    tf.function(tf.negative)(tensor)
    del tensor  # an operation may use the memory of an operand that nobody else has
    tf.negative(bridge.to_tensorflow(source))
    assert source[0, :3].tolist() == [0, 1, 2]


@pytest.mark.parametrize("pick", [lambda x: x[0, 1:], lambda x: x.T, lambda x: x[:, ::-1]])
def test_what_cannot_be_shared_is_copied_once(pick: Callable[[Any], Any]) -> None:
    source = block()
    with pytest.raises(bridge.SharingError, match=r"alignment|strides"):
        bridge.to_tensorflow(pick(source), allow_mutable=True)
    tensor = bridge.to_tensorflow(pick(source), copy=None)
    assert np.array_equal(tf.identity(tensor).numpy(), pick(source))
    assert not bridge.shares_memory(tensor, source)


def test_writable_memory_needs_leave() -> None:
    with pytest.raises(bridge.SharingError, match=r"expected read-only memory.*allow_mutable=True"):
        bridge.to_tensorflow(block())
    with pytest.raises(bridge.SharingError, match="a dtype that tensorflow has, got float8_e5m2"):
        bridge.empty(2, "float8_e5m2", like=tf)


# Out of TensorFlow


def test_what_a_variable_holds_is_shared() -> None:
    variable = tf.Variable(tf.range(4.0))
    for copy in (None, False):
        with pytest.raises(bridge.SharingError, match=r"Share what it holds now: x\.value\(\)"):
            bridge.to(variable, np)
        held = bridge.to(variable if copy is None else variable.value(), np, copy=copy)
        before = held.tolist()
        assert bridge.shares_memory(held, variable.value())
        assert not held.flags.writeable
        variable.assign_add(tf.ones(4))
        assert held.tolist() == before
        assert bridge.to(variable.value(), np).tolist() == [value + 1 for value in before]
    variable[0].assign(500.0)
    assert bridge.to(variable, "tensorflow", copy=None).numpy().tolist() == [500, 3, 4, 5]


def test_batches_are_shared() -> None:
    """`Dataset.batch` and a map over tensors; NumPy's `asarray` of a batch would copy."""
    dataset = tf.data.Dataset.from_tensor_slices(block()).map(lambda x: x * 2).batch(2)
    for first, batch in zip((0, 64), dataset, strict=True):
        shared = bridge.to(batch, np)
        assert bridge.shares_memory(shared, batch)
        assert shared[0, 0] == first


BY_NAME: dict[str, tuple[Callable[[], Any], str]] = {
    "ragged": (
        lambda: tf.ragged.constant([[1, 2], [3]]),
        "expected a dense tensor, got a ragged tensor. Share its parts: x.flat_values and "
        "x.nested_row_splits; or pad it: x.to_tensor(). [tensorflow.layout]",
    ),
    "sparse": (
        lambda: tf.sparse.from_dense([[1, 0]]),
        "expected a dense tensor, got a sparse tensor. Share its parts, x.indices and x.values, or "
        "make a dense copy: tf.sparse.to_dense(x). [tensorflow.layout]",
    ),
    "string": (
        lambda: tf.constant(["1"]),
        "expected numbers in one block of memory, got string. Convert the text to numbers first: "
        "tf.strings.to_number(x). [tensorflow.dtype]",
    ),
    "resource": (
        lambda: tf.Variable(1.0).handle,
        "got resource. Share what it stands for, such as the variable itself. [tensorflow.dtype]",
    ),
}


@pytest.mark.parametrize("like", ["numpy", "torch", "tensorflow"])
@pytest.mark.parametrize(("make", "text"), BY_NAME.values(), ids=BY_NAME)
def test_what_has_no_block_of_numbers_is_refused_by_name(
    make: Callable[[], Any], text: str, like: str
) -> None:
    for copy in (False, None, True):
        with pytest.raises(bridge.SharingError) as caught:
            bridge.to(make(), like, copy=copy)
        assert str(caught.value).startswith("tensorflow cannot share this: expected ")
        assert text in str(caught.value)


TRACED: dict[str, Callable[[Any, Any], object]] = {
    "symbolic": lambda x, variable: bridge.to(x, np),
    "symbolic to TensorFlow": lambda x, variable: bridge.to(x, tf),
    "variable": lambda x, variable: bridge.to(variable, np, copy=None),
    "memory": lambda x, variable: bridge.to(block(), tf, allow_mutable=True),
    "copy": lambda x, variable: bridge.to(np.ones(3), tf, copy=True),
}


@pytest.mark.parametrize("call", TRACED.values(), ids=TRACED)
def test_tracing_is_refused(call: Callable[[Any, Any], object]) -> None:
    """A traced function would keep the memory of its first call as a constant."""
    variable = tf.Variable(tf.ones(3))

    @tf.function
    def traced(x: Any) -> Any:
        with pytest.raises(bridge.SharingError, match=r"outside of tf\.function.*\[tensorflow\.tracing\]"):
            call(x, variable)
        return x

    assert traced(tf.ones(3))[0] == 1


def test_tracing_by_tf_data_is_refused() -> None:
    def mapped(x: Any) -> Any:
        with pytest.raises(bridge.SharingError, match=r"\[tensorflow\.tracing\]"):
            bridge.to(x, np, copy=None)
        return x

    assert len(list(tf.data.Dataset.range(3).map(mapped))) == 3
