"""What a tensor is beside its values: kept, left to torch's own pickling, or refused by name."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from sending import COPIES, buffers_of, out_of_band
from support import assert_aliases, needs_torch, torch

pytestmark = needs_torch


class Subclass(torch.Tensor if torch else object):  # type: ignore[misc]
    pass


class WithSlots(torch.Tensor if torch else object):  # type: ignore[misc]
    __slots__ = ("unit",)


class PicklesItself(torch.Tensor if torch else object):  # type: ignore[misc]
    def __reduce_ex__(self, protocol: Any) -> Any:
        return PicklesItself.made, (self.as_subclass(torch.Tensor),)

    @staticmethod
    def made(x: Any) -> Any:
        result = x.as_subclass(PicklesItself)
        result.made = True
        return result


def subclass(kind: Any, **attributes: Any) -> Any:
    x = torch.arange(6.0).view(2, 3).as_subclass(kind)
    for name, value in attributes.items():
        setattr(x, name, value)
    return x


KEPT: dict[str, Callable[[], Any]] = {
    "plain": lambda: torch.arange(6.0),
    "requires grad": lambda: torch.arange(6.0, requires_grad=True),
    "parameter": lambda: torch.nn.Parameter(torch.arange(6.0)),
    "frozen parameter": lambda: torch.nn.Parameter(torch.arange(6), requires_grad=False),
    "conjugated": lambda: torch.tensor([1 + 2j, 3 - 4j]).conj(),
    "conjugated, requires grad": lambda: torch.tensor([1 + 2j], requires_grad=True).detach().conj(),
    "negated": lambda: torch.tensor([1 + 2j, 3 - 4j]).conj().imag,
    "conjugated and negated": lambda: torch.tensor([1 + 2j, 3 - 4j]).conj()._neg_view(),
    "inference": lambda: torch.inference_mode()(lambda: torch.arange(6.0))(),
    "subclass": lambda: subclass(Subclass),
    "subclass with attributes": lambda: subclass(Subclass, unit="m", scale=[1, 2]),
    "subclass with slots": lambda: subclass(WithSlots, unit="m"),
    "tensor with attributes": lambda: subclass(torch.Tensor, unit="m"),
    "parameter with attributes": lambda: with_attribute(torch.nn.Parameter(torch.ones(3))),
    "buffer": lambda: torch.nn.Buffer(torch.ones(3)),
    "pickles itself": lambda: subclass(PicklesItself, made=True),
    "every second": lambda: torch.arange(9.0)[::2],
}


def with_attribute(x: Any) -> Any:
    x.unit = "m"
    return x


def facts(x: Any) -> tuple[Any, ...]:
    attributes = {name: getattr(x, name) for name in ("unit", "scale", "made") if hasattr(x, name)}
    flags = (x.requires_grad, x.is_leaf, x.is_conj(), x.is_neg())
    return type(x), x.dtype, x.shape, flags, attributes, x.tolist()


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT.keys())
@pytest.mark.parametrize("way", [*COPIES.values(), out_of_band], ids=[*COPIES.keys(), "out of band"])
def test_kept(make: Callable[[], Any], way: Callable[[Any], Any]) -> None:
    source = make()
    assert facts(way(source)) == facts(source)
    assert len(buffers_of(source)) == 1


@pytest.mark.parametrize("make", KEPT.values(), ids=KEPT.keys())
def test_out_of_band_means_aliased(make: Callable[[], Any]) -> None:
    source = make()
    arrived = out_of_band(source)
    with torch.no_grad():
        stored = arrived.detach()
        stored[0] = 77
        assert (source.detach()[0] == 77).all() == (source.stride() != (2,))


THEIR_OWN: dict[str, Callable[[], Any]] = {
    "sparse": lambda: torch.eye(3).to_sparse(),
    "csr": lambda: torch.eye(3).to_sparse_csr(),
    "jagged": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged),
    "meta": lambda: torch.ones(3, device="meta"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", THEIR_OWN.values(), ids=THEIR_OWN.keys())
def test_left_to_torch(make: Callable[[], Any]) -> None:
    """The tensors that they are made of are sent out of band all the same."""
    source = make()
    arrived = out_of_band(source)
    assert (type(arrived), len(arrived), arrived.layout) == (type(source), len(source), source.layout)
    assert len(buffers_of(source)) == (0 if source.device.type == "meta" else len(buffers_of_parts(source)))
    if source.layout in (torch.sparse_coo, torch.sparse_csr):
        assert torch.equal(arrived.to_dense(), source.to_dense())


def buffers_of_parts(x: Any) -> list[Any]:
    if x.layout is torch.sparse_coo:
        return [x._indices(), x._values()]
    return [x.crow_indices(), x.col_indices(), x.values()] if x.layout is torch.sparse_csr else buffers_of(x)


@pytest.mark.filterwarnings("ignore")
def test_quantized_tensors_are_left_to_torch() -> None:
    source = torch.quantize_per_tensor(torch.ones(3), 0.5, 0, torch.quint8)
    assert torch.equal(out_of_band(source).dequantize(), source.dequantize())


def refusal(call: Callable[[], Any]) -> bridge.SharingError:
    with pytest.raises(bridge.SharingError) as caught:
        call()
    return caught.value


def test_a_history_is_refused() -> None:
    x = torch.ones(3, requires_grad=True) * 2
    error = refusal(lambda: bridge.dumps({"loss": [x]}))
    assert (error.protocol, error.field, error.expected) == ("pickle", "requires_grad", "a leaf tensor")
    assert "x.detach()" in error.hint
    assert str(error).startswith(
        "cannot send this to another process: expected a leaf tensor, got one with a"
    )
    assert out_of_band(x.detach()).tolist() == [2, 2, 2]


def test_device_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    on_device = torch.ones(3).as_subclass(Subclass)
    monkeypatch.setattr(Subclass, "device", torch.device("cuda:1"))
    monkeypatch.setattr(Subclass, "is_cpu", False)
    error = refusal(lambda: bridge.dumps(on_device))
    assert (error.protocol, error.field) == ("pickle", "device")
    assert error.got == "a tensor on cuda:1"
    assert "x.cpu()" in error.hint
    assert "torch.multiprocessing" in error.hint


def test_views_of_device_memory_are_refused() -> None:
    view = bridge.from_pointer(1 << 20, (3,), "float32", device="vulkan:0")
    error = refusal(lambda: bridge.dumps(view))
    assert (error.protocol, error.field, error.got) == ("pickle", "device", "memory on vulkan:0")
    assert refusal(lambda: pickle.dumps(view)).hint == error.hint


@pytest.mark.gpu
def test_cuda_tensors_are_refused() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_device = torch.ones(3, device="cuda")
    for x in (on_device, torch.nn.Parameter(on_device), [on_device.T], bridge.view(on_device)):
        assert refusal(lambda x=x: bridge.dumps(x)).field == "device"  # type: ignore[misc]
    assert out_of_band(torch.ones(3).pin_memory()).tolist() == [1, 1, 1]


def test_pinned_host_memory_is_sent() -> None:
    array = np.arange(3.0)
    arrived = out_of_band(
        bridge.from_pointer(array.ctypes.data, 3, "float64", device="cuda_host:0", owner=array)
    )
    assert arrived.device == "cpu"
    assert_aliases(array, arrived)


def test_hooks_are_warned_about_and_dropped() -> None:
    x = torch.ones(3, requires_grad=True)
    x.register_hook(lambda gradient: gradient)
    with pytest.warns(UserWarning, match="hooks"):
        arrived = out_of_band(x)
    assert arrived._backward_hooks is None


def test_gradients_do_not_travel() -> None:
    x = torch.nn.Parameter(torch.ones(3))
    x.sum().backward()
    assert out_of_band(x).grad is None


def test_a_module_trains_where_it_arrives() -> None:
    torch.manual_seed(0)
    source = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
    source[2].weight.data = source[0].weight.data[0:1].repeat(1, 2)
    arrived = COPIES["as bytes"](source)
    batch = torch.randn(16, 4)
    assert torch.equal(arrived.eval()(batch), source.eval()(batch))
    before = copy.deepcopy(source.state_dict())
    arrived.train()(batch).sum().backward()
    torch.optim.SGD(arrived.parameters(), 0.1).step()
    assert all(torch.equal(before[name], value) for name, value in source.state_dict().items())


def test_tied_parameters_stay_tied() -> None:
    tied = torch.nn.Linear(4, 4)
    model = torch.nn.ModuleList([tied, torch.nn.Linear(4, 4)])
    model[1].weight = tied.weight
    model[1].bias.data = tied.bias.data
    arrived = out_of_band(model)
    assert arrived[0].weight is arrived[1].weight
    assert_aliases(arrived[0].bias.data, arrived[1].bias.data)
    assert len(buffers_of(model)) == 2


def test_the_default_device_and_modes_of_the_receiver_do_not_matter() -> None:
    source = [torch.arange(6.0), torch.arange(6.0)[1:]]
    with torch.device("meta"):
        arrived = out_of_band([source[0], source[0][1:]])
    assert [x.device.type for x in arrived] == ["cpu", "cpu"]
    with torch.inference_mode():
        assert out_of_band(source)[1].tolist() == [1, 2, 3, 4, 5]
