"""What `explain` says of each call is what the call does: made, and proved by writing."""

from __future__ import annotations

import ctypes
import warnings
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from explained import ARRAYS, EVERYTHING, NOTHING, WITH_MEMORY, WITHOUT_MEMORY
from producers import Once
from support import (
    is_torch,
    needs_numpy_2,
    needs_torch,
    peek,
    poke,
    run_python,
    torch,
)

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")

OTHERS = ("JAX", "TensorFlow")
UNTRIED = ("unsafe", "untried")


def raw(memory: Any) -> bytes:
    return ctypes.string_at(memory.low, memory.high - memory.low)


def values(x: Any) -> Any:
    if torch is not None and isinstance(x, torch.Tensor):
        return x.detach().resolve_conj().resolve_neg().tolist()
    return peek(getattr(x, "memory", x))


def consumed(result: Any) -> Any:
    """Something with elements: memoryviews of some formats can be made but not read."""
    if type(result).__name__ == "PyCapsule":
        return bridge.view(Once(result))
    return np.asarray(result) if isinstance(result, memoryview) else result


def done_by(call: str, x: Any) -> str:
    """What a call really does: judged by values, and by writing through its result or through `x`."""
    memory = bridge.explain(x).what.memory
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = consumed(eval(call, {"x": x, "np": np, "bridge": bridge, "torch": torch}))
        except Exception:
            return "refuses"
        if result is x:
            return "read-only" if memory.size and memory.readonly else "shares"
        if values(result) != values(x):
            return "wrong"
        if not memory.size:
            return "shares"
        before = raw(memory)
        try:
            poke(result, first=True)
        except (ValueError, TypeError):  # read-only
            return written_through(x, result)
        if raw(memory) == before:
            return "copies"
        return "wrong" if memory.readonly else "shares"


def written_through(x: Any, result: Any) -> str:
    target = x.memory if hasattr(x, "memory") else x
    before = values(result)
    try:
        poke(target, first=True)
    except (ValueError, TypeError):  # both are read-only: nothing is left but the address
        return "read-only" if bridge.shares_memory(x, result) else "copies"
    return "read-only" if values(result) != before else "copies"


@needs_numpy_2
@pytest.mark.parametrize("name", WITH_MEMORY)
def test_every_outcome_is_true(name: str) -> None:
    targets = bridge.explain(WITH_MEMORY[name]()).targets
    assert len(targets) >= 4
    for target in targets:
        if target.library in OTHERS or target.outcome in UNTRIED or "it is one" in target.because:
            continue
        assert done_by(target.call, WITH_MEMORY[name]()) == target.outcome, target


@needs_numpy_2
@pytest.mark.parametrize("name", WITH_MEMORY)
def test_every_way_out_works(name: str) -> None:
    for target in bridge.explain(WITH_MEMORY[name]()).targets:
        if target.library in OTHERS or not target.instead:
            continue
        x = WITH_MEMORY[name]()
        shared = ("shares", "read-only", "wrong")  # other dtypes, order
        promised = ("copies",) if "copy=" in target.instead else shared
        assert done_by(target.instead, x) in promised, target
        if "copy=" not in target.instead:
            made = consumed(eval(target.instead, {"x": x, "np": np, "bridge": bridge, "torch": torch}))
            assert bridge.shares_memory(made, x) or 0 in made.shape


@pytest.mark.parametrize("name", WITHOUT_MEMORY)
def test_what_has_no_memory_is_explained(name: str) -> None:
    x = WITHOUT_MEMORY[name]()
    explanation = bridge.explain(x)
    assert not explanation
    assert explanation.what.refusal
    with pytest.raises((TypeError, bridge.SharingError)) as caught:
        bridge.view(x)
    assert explanation.what.refusal == str(caught.value)
    for target in explanation.targets:
        assert target.outcome == "refuses" or target.because == "it is one already"
        assert target.because
    assert str(explanation)


def test_the_data_of_a_masked_array_are_the_way_out() -> None:
    instead = {target.library: target.instead for target in bridge.explain(NOTHING["masked"]()).targets}
    assert instead["NumPy"] == "bridge.to_numpy(x.data)"


@pytest.mark.parametrize("name", EVERYTHING)
def test_truth_is_whether_a_view_can_be_had(name: str) -> None:
    explanation = bridge.explain(EVERYTHING[name]())
    try:
        bridge.view(EVERYTHING[name]())
    except (TypeError, bridge.SharingError):
        assert not explanation
    else:
        assert explanation


@needs_torch
@pytest.mark.parametrize(
    ("x", "call", "outcome"),
    [
        (np.ones(3), "torch.Tensor(x)", "copies"),
        (np.ones(3, "f4"), "torch.Tensor(x)", "shares"),
        (np.ones(3), "torch.tensor(x)", "copies"),
        (np.ones(3), "torch.as_tensor(x)", "shares"),
        (bytearray(3), "torch.as_tensor(x)", "copies"),
        (np.ones(3)[::-1], "torch.from_dlpack(x)", "unsafe"),
    ],
)
def test_the_questions_that_everybody_asks(x: Any, call: str, outcome: str) -> None:
    (found,) = [target.outcome for target in bridge.explain(x).targets if target.call == call]
    assert found == outcome


@needs_torch
@pytest.mark.parametrize("layout", ["large reversed", "misaligned"])
def test_what_would_end_the_process_is_not_tried(layout: str) -> None:
    (target,) = [t for t in bridge.explain(ARRAYS[layout]()).targets if t.call == "torch.from_dlpack(x)"]
    assert target.outcome == "unsafe"
    assert target.instead


@needs_torch
def test_negative_strides_do_end_the_process() -> None:
    """Up to torch 2.13. Later releases raise an error."""
    status = 1 if is_torch("2.14") else -6
    with pytest.raises(AssertionError, match=f"exit status {status}"):
        run_python("import numpy, torch; torch.from_dlpack(numpy.ones(3)[::-1])")


@needs_torch
def test_a_dropped_sign_is_found() -> None:
    tensor = torch.arange(3.0)._neg_view()
    outcomes = {target.call: target.outcome for target in bridge.explain(tensor).targets}
    assert outcomes["np.from_dlpack(x)"] == "wrong"
    assert outcomes["bridge.to_numpy(x)"] == outcomes["np.asarray(x)"] == "refuses"


@needs_torch
def test_lost_protection_is_told() -> None:
    frozen = np.ones(3)
    frozen.flags.writeable = False
    told = {target.call: target for target in bridge.explain(frozen).targets}
    for call in ("torch.from_dlpack(x)", "torch.from_numpy(x)", "torch.as_tensor(x)"):
        assert told[call].outcome == "wrong"
        assert told[call].because == "can be written, although the memory is read-only"
    assert told["bridge.to_numpy(x)"].because == "it is one already"
    assert told["bridge.to_torch(x)"].outcome == "refuses"
    assert told["bridge.to_torch(x)"].instead == "bridge.to_torch(x, allow_readonly=True)"


@needs_torch
def test_before_torch_is_imported_the_rules_of_to_torch_are_applied() -> None:
    run_python(
        """
import sys, numpy as np, numpy_bridge as bridge
cuda = bridge.from_pointer(4096, (2,), "f4", device="cuda:0")
refused = (np.ones(3)[::-1], b"abc", 5)
for x, outcome in ((np.ones(3), "shares"), (cuda, "untried"), *((x, "refuses") for x in refused)):
    targets = bridge.explain(x).targets
    (found,) = [t for t in targets if t.library == "torch"]
    assert found.outcome == outcome, found
    assert outcome == "refuses" or "not imported" in found.because
assert not {"torch", "jax", "tensorflow", "rich", "jinja2"} & set(sys.modules)
"""
    )


def test_where_torch_is_not_installed_to_torch_refuses() -> None:
    run_python(
        """
import sys
sys.modules["torch"] = None
import numpy as np, numpy_bridge as bridge
(found,) = [t for t in bridge.explain(np.ones(3)).targets if t.library == "torch"]
assert found.outcome == "refuses" and "not installed" in found.because, found
"""
    )


@pytest.mark.parametrize("device", ["cuda:0", "metal:0", "cuda_managed:0"])
def test_memory_of_devices_that_are_not_here(device: str) -> None:
    explanation = bridge.explain(bridge.from_pointer(1 << 40, (4, 5), "f4", device=device))
    assert explanation
    assert explanation.what.movable_because == "a pointer without an owner"
    on_host = device == "cuda_managed:0"
    assert explanation.what.memory.on_host is on_host
    outcomes = {target.call: target for target in explanation.targets}
    for call in ("bridge.to_numpy(x)", "np.asarray(x)", "memoryview(x)"):
        assert outcomes[call].outcome == ("shares" if on_host else "refuses")
        assert on_host or device in outcomes[call].because
        assert "(2, 2)" not in outcomes[call].because
    assert not {"JAX", "TensorFlow"} & {target.library for target in explanation.targets}


@pytest.mark.parametrize("length", [20, 20_000])
def test_what_is_said_of_a_part_holds_for_all_of_it(length: int) -> None:
    """The dtype that NumPy makes of bytes has their number in it, which is another one for the part."""
    x = bytes(range(1, 11)) * (length // 10)
    (target,) = [target for target in bridge.explain(x).targets if target.call == "np.asarray(x)"]
    assert np.asarray(x).dtype == f"S{length}"
    assert target.because == "a numpy.ndarray of text (numpy.bytes_)"
