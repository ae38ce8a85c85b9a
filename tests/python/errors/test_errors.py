"""SharingError, and every text with which the compiled core refuses: provoked and read."""

from __future__ import annotations

import copy
import pickle
import re
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeBuffer, FakeTensor
from numpy_bridge import SharingError, TooHardError, _core, view
from refusals import REFUSALS
from refusals_of_interfaces import REFUSALS_INTERFACES
from refusals_of_libraries import REFUSALS_ML_DTYPES, REFUSALS_NUMPY, REFUSALS_TORCH
from refusals_of_operations import REFUSALS_OPERATIONS
from refusals_of_targets import REFUSALS_TARGETS
from repository import ROOT
from support import ml_dtypes, needs_ml_dtypes, needs_torch, torch

# The exception


def test_attributes_and_text() -> None:
    error = SharingError("buffer", "shape", "2 extents", "NULL", "share something else")
    parts = (error.protocol, error.field, error.expected, error.got, error.hint)
    assert parts == error.args == ("buffer", "shape", "2 extents", "NULL", "share something else")
    assert str(error) == (
        "cannot share this through the buffer protocol: expected 2 extents, got NULL. "
        "Share something else. [buffer.shape]"
    )
    assert str(SharingError("a", "b", "c", "d")) == "cannot share this through a: expected c, got d. [a.b]"
    assert isinstance(error, BufferError)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol: int) -> None:
    with pytest.raises(SharingError) as caught:
        _core.values_of(np.zeros(1, "M8[s]"))
    again = pickle.loads(pickle.dumps(caught.value, protocol))
    assert type(again) is SharingError
    assert again.args == caught.value.args
    assert vars(again) == vars(caught.value)
    assert str(again) == str(caught.value)


def test_copies() -> None:
    error = SharingError("a", "b", "c", "d", "e")
    assert vars(copy.copy(error)) == vars(copy.deepcopy(error)) == vars(error)
    assert str(pickle.loads(pickle.dumps(TooHardError("why")))) == "why"


def test_the_cause_of_a_failure_is_told() -> None:
    with pytest.raises(SharingError, match="ZeroDivisionError: by nought"):
        view(FakeTensor(error=ZeroDivisionError("by nought")))


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError, GeneratorExit])
def test_what_is_not_about_the_request_passes_through(error: type[BaseException]) -> None:
    with pytest.raises(error):
        view(FakeTensor(error=error()))


def test_a_producer_that_breaks_the_rules_of_c_is_refused() -> None:
    """-1 without an exception, and text that is no UTF-8."""
    for broken in (FakeBuffer(fail=True), FakeBuffer(format=b"\xff")):
        with pytest.raises(SharingError):
            view(broken)


# Every refusal


def rows() -> list[Any]:
    marked = [(row, ()) for row in REFUSALS + REFUSALS_INTERFACES + REFUSALS_NUMPY + REFUSALS_OPERATIONS]
    marked += [(row, needs_ml_dtypes) for row in REFUSALS_ML_DTYPES]
    marked += [(row, needs_torch) for row in REFUSALS_TORCH]
    return [pytest.param(*row, marks=marks, id=f"{n}-{row[1][:40]}") for n, (row, marks) in enumerate(marked)]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("provoke", "text"), rows())
def test_refusal(provoke: Callable[[], Any], text: str) -> None:
    check_refusal(provoke, text)


NAMES_OF_TARGETS = [f"{n}-{row[2][:40]}" for n, row in enumerate(REFUSALS_TARGETS)]


@pytest.mark.parametrize(("library", "provoke", "text"), REFUSALS_TARGETS, ids=NAMES_OF_TARGETS)
def test_refusal_of_a_target(library: str, provoke: Callable[[], Any], text: str) -> None:
    pytest.importorskip(library, reason=f"{library} is not installed: nox -s faults")
    check_refusal(provoke, text)


def check_refusal(provoke: Callable[[], Any], text: str) -> None:
    with pytest.raises(SharingError) as caught:
        provoke()
    error = caught.value
    line = f"{error.protocol}: {error.field}: expected {error.expected}, got {error.got}"
    line = f"{line}; {error.hint}" if error.hint else line
    pattern = ".*".join(map(re.escape, text.split("...")))
    assert re.fullmatch(pattern, line, re.DOTALL), line
    assert "\n" not in line or error.field == "protocols"
    assert re.fullmatch(r"[\w.]+", error.protocol)
    assert re.fullmatch(r"[\w ]+", error.field)
    assert error.hint.rstrip(".") in str(error) or error.hint[1:] in str(error)


@needs_torch
@needs_ml_dtypes
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
def test_refusals_without_ml_dtypes(monkeypatch: Any) -> None:
    half = torch.zeros(2, dtype=torch.float32).to(torch.complex32)
    monkeypatch.delattr(ml_dtypes, "complex32", raising=False)
    with pytest.raises(SharingError, match=r"or ml_dtypes has, got complex32\. .*view_as_real\(t\)\. \["):
        bridge.to_numpy(half)
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    with pytest.raises(SharingError) as caught:
        bridge.to_numpy(half)
    assert str(caught.value) == (
        "NumPy cannot share this: expected a dtype that NumPy has, got complex32. "
        "Install ml_dtypes, which adds it: pip install 'numpy-bridge[ml-dtypes]'. [NumPy.dtype]"
    )


SOURCES = ROOT / "csrc"
# Cannot be provoked from Python, or only with another ml_dtypes (see above), with a driver (see
# test_cuda_array_interface.py), without CUDA (test_without_cuda.py), before Python 3.12
# (test_python_buffer.py), or told to a callback (test_exchange_provider.py).
ELSEWHERE = {
    # What C++ functions return: test_returned.py
    "one for each of ",
    "elements whose owner is known",
    "elements that somebody else may free",
    "return alias(...) from a method with py::return_value_policy::reference_internal, or give it an owner",
    "call own() without a shape",
    # What would end the capture of a CUDA graph: kernels_cuda_test.cpp
    "operands whose streams are both captured by one graph, or neither",
    "a captured and an uncaptured stream",
    "queue the work on both on the captured stream, or do this before the capture",
    "non_blocking",
    "non_blocking=True, and packed host memory of the same dtype",
    "a copy that waits for a captured stream",
    "do it before the capture",
    "memory that was allocated before the capture of a graph",
    "new memory on a captured stream",
    "make the copy before the capture",
    # Where the last byte of a pointer's memory is: kernels_cuda_test.cpp
    "elements that all lie on ",
    ", of which the last byte is elsewhere",
    "the block of memory is smaller: count its elements, not its bytes",
    # What a wheel without kernels cannot do: test_without_cuda.py
    ", which has pending work on this memory, or -1",
    ", which has pending work on this memory",  # test_stream_argument.py
    "this wheel has no CUDA kernels, and cannot let one stream wait for another",
    "wait for that stream yourself, and pass -1",
    "work on the legacy default stream",
    "work on stream ",
    "wait for that stream first, then call x.__dlpack__(stream=-1)",
    "memory on the host, as this wheel was built without CUDA kernels",
    "build it where nvcc is in PATH: ",
    "pip install --config-settings=cmake.define.NUMPY_BRIDGE_CUDA=ON . in a clone",
    "a CUDA device that can be used",
    "memory that CUDA allocated or registered",
    "describe other host memory with device='cpu'",
    ", where CUDA says that it is",
    " (see numpy-bridge info)",
    "a device index of 0 to 127",
    "a byte_offset of 0, as memory on ",
    " is a handle",
    # What depends on the object, test_messages.py, or on memory that C++ returns, test_returned.py
    "CategoricalDtype",
    "share the codes of the categories: ",
    "x.cat.codes",
    "x is a traced value inside jax.jit and has no memory yet; convert it outside the traced function",
    # Parts of hints that are completed for one array, test_hints.py, and dtypes that torch will have
    "share one field at a time, x['field'], or the bytes, x.view('u1')",
    "share one field at a time, x['field'], or the bytes,",
    "a structured element has several dtypes; share one field at a time: np.asarray(x)['",
    "libraries pack elements of less than a byte in different ways; share their bytes: x.view('u1')",
    "share its bytes: x.view('u1')",
    "share the stored integers: t.int_repr()",
    "share the bytes of this dtype: t.view(torch.uint8)",
    "hasobject",
    # What producers say about devices: test_hostile_producers.py; proxies: test_proxies.py
    "the device of the capsule, ",
    "the device of the capsule, (",
    " in its place",
    "v = numpy_bridge.view(x ",  # the start of the hint about managed memory
    # What only a driver of CUDA says, kernels_cuda_test.cpp and test_cuda_array_interface.py
    "managed memory whose place is the host",
    "describe it as what it is: numpy_bridge.from_pointer(..., device='cuda_managed:0')",
    "non_blocking=True, and host memory that is packed, pinned and of the same dtype",
    # torch's errors while it copies, test_copies.py, or waits for a stream
    "values that can be copied",
    "a stream that torch can wait for",
    "returned",
    "a shape of ",
    "managed memory without pending work on a stream",
    "numpy_bridge.from_pointer(x.ptr, x.shape, x.dtype, device='cuda_managed:0', owner=x)",
    "wait for that stream in the library that owns the memory, then share its address: ",
    "memory that torch can take",
    " elements",
    "__buffer__",
    "a memoryview",
    "a usable memoryview",
    "let the library of that device allocate",
    "a pointer to memory of a CUDA device",
    "one that the driver does not know (CUresult ",
    "a storage that can be pinned",
    "a storage that stays resizable",
    "a dtype that NumPy has",
    "install ml_dtypes, which adds it: pip install 'numpy-bridge[ml-dtypes]'",
}


@pytest.mark.skipif(not SOURCES.exists(), reason="the C++ sources are not here")
def test_every_text_in_the_sources_has_a_row() -> None:
    rows = REFUSALS + REFUSALS_INTERFACES + REFUSALS_NUMPY + REFUSALS_ML_DTYPES + REFUSALS_TORCH
    rows += REFUSALS_OPERATIONS
    texts = " ".join(text for _, text in rows)
    missing = set()
    for path in SOURCES.rglob("*.?pp"):
        source = re.sub(r"//.*", "", path.read_text())
        calls = re.findall(r"refuse\((.*?)\);", source, re.DOTALL)
        calls += re.findall(r"hint_for_\w+\([^;{]*{.*?\n}", source, re.DOTALL)
        calls += re.findall(r"hint_for_\w+ =(.*?);\n", source, re.DOTALL)
        calls += re.findall(r"tensor_obstacles\[\] = {(.*?)};", source, re.DOTALL)
        for literal in re.findall(r'"((?:[^"\\\n]|\\.)*)"', " ".join(calls)):
            if len(literal) >= 8 and literal not in texts and literal not in ELSEWHERE:
                missing.add(f"{path.name}: {literal}")
    assert missing == set()


# Hints that name a way out, and whether it is one


@needs_torch
def test_hints_work() -> None:
    for readonly in (b"ab", np.zeros(2)[::-1]):
        with pytest.raises(SharingError, match="copy=True"):
            bridge.to_torch(readonly)
        assert len(bridge.to_torch(readonly, copy=True)) == 2


def test_the_hint_about_a_copy_by_the_producer_works() -> None:
    with pytest.raises(SharingError, match="Pass copy=None or copy=True"):
        bridge.to_numpy(FakeTensor(flags=2))
    for mode in (None, True):
        producer = FakeTensor(flags=2)
        assert bridge.to_numpy(producer, copy=mode).tolist() == [0, 1, 2, 3, 4, 5]
        if mode:
            assert producer.deleted == 1


def test_the_hint_about_memory_on_a_device_is_true() -> None:
    """Where nothing can copy it over, copy=True must not be the advice."""
    cuda = bridge.from_pointer(4096, (2,), "f4", device="cuda:0")
    with pytest.raises(SharingError) as caught:
        bridge.to_numpy(cuda, copy=True)
    assert "copy=True" not in caught.value.hint
