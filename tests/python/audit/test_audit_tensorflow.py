"""What an audit says of TensorFlow's calls, and the truth. `nox -s tensorflow` installs it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge.auditing.judging.calls import CALLS
from support import run_python

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow", reason="tensorflow is not installed: nox -s tensorflow")
torch = pytest.importorskip("torch", reason="half of these go to torch")

NAMES = {"np": np, "tf": tf, "torch": torch, "bridge": bridge}

TENSOR, VARIABLE = "tf.constant([1.0, 2.0])", "tf.Variable([1.0, 2.0])"
ARRAY, OF_TORCH = "np.ones(3, np.float32)", "torch.ones(64)"
SAME, UNTIL = "the same memory", "the same memory, until the variable is assigned to"
OBJECTS = "Python objects are not a block of memory: their values are converted"
TEXT = "text is no block of numbers: its characters are converted"
NUMBER = "a number is a value, not a block of memory"
TO_NUMPY, TO_TORCH = "bridge.to_numpy(x)", "bridge.to_torch(x, allow_readonly=True)"
VALUE = "bridge.to_numpy(x.value())"

ROWS: list[tuple[str, str, str, str, str, bool]] = [
    # x, call, outcome, reason, what shares, asked for
    (ARRAY, "tf.convert_to_tensor(x)", "copied", "tf.convert_to_tensor copies from numpy here", "", False),
    (ARRAY, "tf.constant(x)", "copied", "tf.constant copies from numpy here", "", False),
    (
        *(ARRAY, "tf.constant(x, tf.float64)", "copied"),
        *("the dtype changes from float32 to float64", "", False),
    ),
    (ARRAY, "tf.Variable(x)", "copied", "tf.Variable copies from numpy here", "", False),
    (ARRAY, "tf.Variable(initial_value=x)", "copied", "tf.Variable copies from numpy here", "", False),
    ("[1, 2]", "tf.constant(x)", "copied", OBJECTS, "", True),
    ("np.array(['a'])", "tf.constant(x)", "copied", "tf.constant copies from numpy here", "", False),
    (OF_TORCH, "tf.convert_to_tensor(x)", "shared", SAME, "", False),
    (TENSOR, "tf.convert_to_tensor(x)", "shared", "the argument itself is returned", "", False),
    (TENSOR, "tf.Variable(x)", "shared", UNTIL, "", False),
    (VARIABLE, "tf.convert_to_tensor(x)", "shared", SAME, "", False),
    (TENSOR, "x.numpy()", "copied", "EagerTensor.numpy always copies", TO_NUMPY, False),
    (VARIABLE, "x.numpy()", "copied", "Variable.numpy always copies", VALUE, False),
    ("tf.constant(1.0)", "x.numpy()", "copied", NUMBER, "", True),
    ("tf.constant(['a'])", "x.numpy()", "copied", TEXT, "", True),
    ("tf.constant(['a'])", "np.asarray(x)", "copied", TEXT, "", True),
    (TENSOR, "np.asarray(x)", "shared", SAME, "", False),
    (TENSOR, "np.array(x)", "copied", "np.array copies unless it is told not to", TO_NUMPY, False),
    (VARIABLE, "np.asarray(x)", "copied", "np.asarray copies from tensorflow here", VALUE, False),
    (TENSOR, "torch.from_dlpack(x)", "shared", SAME, "", False),
    (TENSOR, "torch.tensor(x)", "copied", "torch.tensor always copies", TO_TORCH, False),
    (TENSOR, "x.__dlpack__()", "shared", SAME, "", False),
    (TENSOR, "tf.experimental.dlpack.to_dlpack(x)", "shared", SAME, "", False),
    (f"{OF_TORCH}.__dlpack__()", "tf.experimental.dlpack.from_dlpack(x)", "shared", SAME, "", False),
    ("tf.experimental.dlpack.to_dlpack(tf.ones(3))", "torch.from_dlpack(x)", "shared", SAME, "", False),
]


@pytest.mark.parametrize(("setup", "call", "outcome", "reason", "alternative", "asked"), ROWS)
def test_verdict(setup: str, call: str, outcome: str, reason: str, alternative: str, asked: bool) -> None:
    scope: dict[str, Any] = dict(NAMES)
    scope["x"] = x = eval(setup, scope)
    is_capsule = "dlpack" in setup
    with bridge.audit() as log:
        result = eval(compile(call, "<call>", "eval"), scope)
    (conversion,) = log
    assert (conversion.outcome, conversion.reason) == (outcome, reason)
    assert (conversion.alternative, conversion.asked) == (alternative, asked)
    assert conversion.nbytes > 0
    if not is_capsule and not asked and "str" not in conversion.source:
        assert (address(x) == address(result)) == (outcome == "shared")
    if alternative:
        assert address(eval(alternative, scope)) == address(x)


def address(x: Any) -> int:
    """Where the first element is, as each library itself says."""
    if isinstance(x, tf.Variable):
        x = x.value()
    if type(x).__name__ == "PyCapsule":
        return int(torch.from_dlpack(x).data_ptr())
    if isinstance(x, torch.Tensor):
        return int(x.data_ptr())
    return int((np.asarray(memoryview(x)) if isinstance(x, tf.Tensor) else x).ctypes.data)


def test_every_call_of_tensorflow_has_a_row() -> None:
    calls = " ".join(call for _, call, *_ in ROWS)
    labels = [call.label for call in CALLS if call.module.startswith("tensorflow")]
    assert len(labels) == 8
    for label in labels:
        assert (label if label.startswith("tf.") else label.partition(".")[2]) + "(" in calls


def test_functions_that_are_traced_see_nothing_of_it() -> None:
    """What is recorded has no memory, and a question for it would be recorded as well."""

    @tf.function
    def function(x: Any) -> Any:
        return tf.convert_to_tensor(np.ones(2, np.float32)) + tf.constant(1.0) + x

    with bridge.audit() as log:
        assert function(tf.constant([1.0, 2.0])).numpy().tolist() == [3, 4]
    assert [c.call for c in log] == ["tf.constant", "EagerTensor.numpy"]
    names = {
        node.type for node in function.get_concrete_function(tf.constant([1.0, 2.0])).graph.get_operations()
    }
    assert names == {"Placeholder", "Const", "AddV2", "Identity"}


def test_functions_of_a_dataset_and_gradients_are_left_alone() -> None:
    with bridge.audit() as log:
        dataset = tf.data.Dataset.from_tensor_slices([1.0, 2.0]).map(lambda x: tf.constant(1.0) + x)
        values = [float(value) for value in dataset]
        v = tf.Variable(3.0)
        with tf.GradientTape() as tape:
            squared = v * v
        gradient = float(tape.gradient(squared, v))
    assert (values, gradient) == ([2, 3], 6)
    assert {c.call for c in log} <= {"tf.Variable", "EagerTensor.numpy"}


def test_everything_is_as_before() -> None:
    def attributes() -> list[Any]:
        holders = [tf, tf.experimental.dlpack, type(tf.Variable), *type(tf.constant(0)).__mro__[:-1]]
        return [(holder, dict(vars(holder))) for holder in holders]

    before = attributes()
    with bridge.audit():
        assert isinstance(tf.Variable(1.0), tf.Variable)
        assert attributes() != before
    assert attributes() == before


def test_imported_meanwhile() -> None:
    code = """
import numpy as np, numpy_bridge as bridge
with bridge.audit() as log:
    import tensorflow as tf
    tf.Variable(np.ones(2)).numpy()
assert [c.call for c in log] == ["tf.Variable", "Variable.numpy"], log
"""
    run_python(code)
