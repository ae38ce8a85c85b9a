"""A copy that torch or NumPy cannot make is refused in our words, with their reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fake_interfaces import ArrayMethod
from support import needs_torch, refused, torch

pytestmark = pytest.mark.filterwarnings("ignore")

TENSORS: dict[str, Callable[[], Any]] = {
    "uint4": lambda: torch.empty(2, dtype=torch.uint4),
    "int1": lambda: torch.empty(2, dtype=torch.int1),
    "bits8": lambda: torch.zeros(2, dtype=torch.uint8).view(torch.bits8),
    "quint4x2": lambda: torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.quint4x2),
    "lazy parameter": lambda: torch.nn.LazyLinear(3).weight,
    "lazy buffer": lambda: torch.nn.LazyBatchNorm1d().running_mean,
}
COPIES: dict[str, Callable[[Any], Any]] = {
    "to_torch": lambda x: bridge.to_torch(x, copy=True),
    "to_numpy": lambda x: bridge.to_numpy(x, copy=True),
    "to_numpy, if needed": lambda x: bridge.to_numpy(x, copy=None),
}


@needs_torch
@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_torch_cannot_copy(name: str, copy: str) -> None:
    if (name, copy) == ("bits8", "to_torch"):  # which torch can clone
        assert COPIES[copy](TENSORS[name]()).dtype == torch.bits8
        return
    with pytest.raises(bridge.SharingError) as caught:
        COPIES[copy](TENSORS[name]())
    assert caught.value.hint
    assert "copy=" not in caught.value.hint, "it was asked for"


@needs_torch
@pytest.mark.parametrize("function", [bridge.view, bridge.to_numpy, *COPIES.values()])
@pytest.mark.parametrize("name", ["lazy parameter", "lazy buffer"])
def test_uninitialised_tensors(name: str, function: Callable[[Any], Any]) -> None:
    """They look like empty tensors, but even `detach` raises."""
    with refused("type", "torch", hint="call its module once"):
        function(TENSORS[name]())


@needs_torch
def test_the_hint_for_uninitialised_tensors_works() -> None:
    module = torch.nn.LazyLinear(3)
    module(torch.ones(2, 5))
    assert bridge.to_numpy(module.weight.detach()).shape == (3, 5)


def raising(error: BaseException) -> Any:
    def fail() -> Any:
        raise error

    return ArrayMethod(fail)


@pytest.mark.parametrize("copy", [False, None, True])
@pytest.mark.parametrize("error", [ValueError("no"), TypeError("a key is no array"), RuntimeError("closed")])
def test_methods_that_raise(error: Exception, copy: bool | None) -> None:
    """The reason is theirs, and no copy is advised, since none can be made."""
    functions = [bridge.to_numpy] if torch is None else [bridge.to_numpy, bridge.to_torch]
    for function in functions:
        with pytest.raises(bridge.SharingError) as caught:
            function(raising(error), copy=copy)
        assert str(error) in caught.value.got
        assert caught.value.hint == ""


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), SystemExit()])
@pytest.mark.parametrize("copy", [False, None, True])
def test_what_is_not_about_the_request_passes_through(error: BaseException, copy: bool | None) -> None:
    with pytest.raises(type(error)):
        bridge.to_numpy(raising(error), copy=copy)


@pytest.mark.parametrize("copy", [False, None, True])
@pytest.mark.parametrize(
    "scalar",
    [
        np.datetime64("2020-01-01"),
        np.datetime64("NaT", "ns"),
        np.timedelta64(5, "s"),
    ],
    ids=repr,
)
def test_scalars_are_refused_as_their_arrays_are(scalar: Any, copy: bool | None) -> None:
    """The buffer of a time describes it as eight bytes."""
    functions = [bridge.to_numpy] if torch is None else [bridge.to_numpy, bridge.to_torch]
    for function in functions:
        with refused("dtype", "NumPy"):
            function(scalar, copy=copy)
    with refused("dtype", "NumPy"):
        bridge.view(scalar)


@pytest.mark.parametrize(
    "scalar", [np.float32(1.5), np.int8(-1), np.bool_(True), np.complex128(1j)], ids=repr
)
def test_other_scalars_are_shared_read_only(scalar: Any) -> None:
    shared = bridge.view(scalar)
    assert (shared.readonly, shared.shape, shared.dtype) == (True, (), scalar.dtype.name)
    assert bridge.to_numpy(scalar) == scalar
    assert bridge.view(np.bytes_(b"ab")).dtype == "uint8"


@pytest.mark.parametrize("scalar", [np.str_("text"), np.zeros(1, "i4,f4")[0], np.longdouble(1)], ids=repr)
def test_scalars_that_only_numpy_has(scalar: Any) -> None:
    assert bridge.to_numpy(scalar).dtype == scalar.dtype
    assert bridge.to_numpy(scalar)[()] == scalar
    if torch is not None:
        with refused("dtype", "NumPy"):
            bridge.to_torch(scalar)


@needs_torch
def test_asarray_of_torch_is_documented_for_views() -> None:
    """torch.asarray takes any buffer's bytes for float32; the docstring names what to call instead."""
    view = bridge.view(np.arange(3.0))
    assert torch.asarray(view).dtype == torch.float32
    assert "torch.asarray" in bridge.View.__doc__
    for convert in (bridge.to_torch, torch.from_dlpack, torch.as_tensor):
        assert convert(view).tolist() == [0, 1, 2]
