"""Inside torch's modes, transforms, compiler and subclasses: the right values, or a SharingError."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from support import assert_aliases, needs_torch, refused, torch

pytestmark = needs_torch
FUNCTIONS = {"view": bridge.view, "to_numpy": bridge.to_numpy}
each_function = pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)

# Modes of autograd


@each_function
def test_inference_mode(function: Callable[[Any], Any]) -> None:
    array = np.ones(4)
    with torch.inference_mode():
        inside = torch.ones(4)
        assert_aliases(inside, function(inside))
        shared = bridge.to_torch(array)
        shared += 1
        assert array.tolist() == [2, 2, 2, 2]
        assert_aliases(shared, function(shared))
    assert_aliases(array, function(shared))
    kept = function(inside)
    np.asarray(kept)[0] = 50
    assert inside[0] == 50
    outside = torch.ones(4)
    with torch.inference_mode():
        assert_aliases(outside, function(outside))


@each_function
@pytest.mark.parametrize("mode", ["no_grad", "inference_mode", "enable_grad"])
def test_what_requires_grad_is_refused_in_every_mode(mode: str, function: Callable[[Any], Any]) -> None:
    """`Tensor.numpy` lets it pass under no_grad, though a later backward sees none of the writes."""
    parameter = torch.nn.Parameter(torch.ones(3))
    with getattr(torch, mode)():
        for _ in range(2):  # the first conversion takes another way than the second
            with refused("requires_grad", "torch", hint="t.detach()"):
                function(parameter)
        assert_aliases(parameter.detach(), function(parameter.detach()))
        assert_aliases(parameter.data, function(parameter.data))


def test_a_parameter_made_of_an_array() -> None:
    array = np.ones(3)
    parameter = torch.nn.Parameter(bridge.to_torch(array))
    (parameter * 2).sum().backward()
    torch.optim.SGD([parameter], lr=0.25).step()
    assert array.tolist() == [0.5, 0.5, 0.5]
    assert bridge.shares_memory(array, parameter)
    assert bridge.to_numpy(parameter.grad).tolist() == [2, 2, 2]


def test_saved_for_backward_then_written_through_an_alias() -> None:
    """The wrong gradient that refusing requires_grad prevents: torch cannot see NumPy's writes."""
    weight = torch.ones(2, requires_grad=True)
    product = weight * weight
    with refused("requires_grad", hint="t.detach()"):
        bridge.to_numpy(weight)
    with refused("requires_grad", hint="t.detach()"):
        bridge.to_numpy(product)
    product.sum().backward()
    assert weight.grad.tolist() == [2, 2]


# Transforms


TRANSFORMS: dict[str, Callable[[Any, Any], Any]] = {
    "vmap": lambda f, t: torch.func.vmap(f)(t),
    "vmap-twice": lambda f, t: torch.func.vmap(torch.func.vmap(f))(t),
    "grad": lambda f, t: torch.func.grad(f)(t),
    "vjp": lambda f, t: torch.func.vjp(f, t),
    "jvp": lambda f, t: torch.func.jvp(f, (t,), (t,)),
    "jacrev": lambda f, t: torch.func.jacrev(f)(t),
    "jacfwd": lambda f, t: torch.func.jacfwd(f)(t),
    "hessian": lambda f, t: torch.func.hessian(f)(t),
    "functionalize": lambda f, t: torch.func.functionalize(f)(t),
}


@each_function
@pytest.mark.parametrize("name", TRANSFORMS)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_transforms(name: str, function: Callable[[Any], Any]) -> None:
    """What a transform hands to the function has no memory of its own; what it returns has."""
    refusals: list[str] = []

    def inside(tensor: Any) -> Any:
        with pytest.raises(bridge.SharingError) as caught:
            function(tensor)
        refusals.append(caught.value.hint)
        return (tensor * tensor).sum()

    tensor = torch.arange(6.0).reshape(2, 3)
    result = TRANSFORMS[name](inside, tensor)
    assert refusals
    assert all(refusals)
    assert_aliases(tensor, function(tensor))
    if name in ("vmap", "grad", "jacrev", "jacfwd"):
        assert_aliases(result, function(result))


def test_arrays_enter_transforms() -> None:
    array = np.arange(3.0)
    gradient = torch.func.grad(lambda t: (t * t).sum())(bridge.to_torch(array))
    assert bridge.to_numpy(gradient).tolist() == [0, 2, 4]
    rows = torch.func.vmap(lambda row: row.sum())(bridge.to_torch(np.ones((4, 3))))
    assert bridge.to_numpy(rows).tolist() == [3, 3, 3, 3]


# Compiled functions: the graph breaks where the bridge is called, and the call runs as it always does


def back_and_forth(tensor: Any) -> Any:
    array = bridge.to_numpy(tensor)
    array[0] = 50
    return tensor + 1


def through_a_view(tensor: Any) -> Any:
    doubled = tensor * 2
    torch.from_dlpack(bridge.view(doubled)).add_(1)
    return doubled + 1


def through_an_array(tensor: Any) -> Any:
    array = np.zeros(3, "f4")
    bridge.to_torch(array).add_(tensor)
    return torch.from_numpy(array) * 2


def with_a_question(tensor: Any) -> Any:
    halves = tensor[:1], tensor[1:]
    return tensor + (1 if bridge.shares_memory(*halves) else 2)


COMPILED = [back_and_forth, through_a_view, through_an_array, with_a_question]


def compiled(function: Callable[[Any], Any], backend: str) -> Callable[[Any], Any]:
    torch._dynamo.reset()
    return torch.compile(function, backend=backend)


breaks_graphs = pytest.mark.filterwarnings("ignore:Dynamo does not know how to trace:UserWarning")


@breaks_graphs
@pytest.mark.parametrize("function", COMPILED, ids=lambda function: function.__name__)
def test_compiled_functions_give_what_plain_ones_give(function: Callable[[Any], Any]) -> None:
    fast, plain, tensor = compiled(function, "eager"), torch.arange(3.0), torch.arange(3.0)
    expected = function(plain)
    for _ in range(3):
        assert fast(tensor).tolist() == expected.tolist()
        assert tensor.tolist() == plain.tolist()
        tensor.copy_(torch.arange(3.0))


def lend_torchs_own(tensor: Any) -> Any:
    return tensor.numpy()


@breaks_graphs
@pytest.mark.parametrize("lend", [bridge.to_numpy, lend_torchs_own])
def test_backends_that_reorder_writes_do_not_see_aliases(lend: Callable[[Any], Any]) -> None:
    """A limit of torch, for its own `numpy()` too, and two ways round it."""
    opaque = torch.compiler.disable(lend)

    def whole(tensor: Any) -> Any:
        opaque(tensor)[0] = 50
        return tensor + 1

    @torch.compiler.disable
    def write(tensor: Any) -> None:
        lend(tensor)[0] = 50

    def in_two_parts(tensor: Any) -> Any:
        write(tensor)
        return tensor + 1

    assert compiled(whole, "aot_eager")(torch.zeros(3)).tolist() == [1, 1, 1]  # 51 in truth
    assert compiled(in_two_parts, "aot_eager")(torch.zeros(3)).tolist() == [51, 1, 1]
    with torch._dynamo.config.patch(trace_numpy=False):
        assert compiled(whole, "aot_eager")(torch.zeros(3)).tolist() == [51, 1, 1]


@breaks_graphs
@pytest.mark.parametrize("function", COMPILED, ids=lambda function: function.__name__)
def test_a_full_graph_is_refused_by_torch(function: Callable[[Any], Any]) -> None:
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported, match="numpy_bridge"):
        torch.compile(function, backend="eager", fullgraph=True)(torch.arange(3.0))


def test_tensors_over_arrays_enter_compiled_functions() -> None:
    array = np.arange(4.0)
    assert compiled(lambda t: t.mul_(2).sum(), "aot_eager")(bridge.to_torch(array)) == 12
    assert array.tolist() == [0, 2, 4, 6]


# Subclasses


@each_function
def test_subclasses_with_memory(function: Callable[[Any], Any]) -> None:
    plain = type("Plain", (torch.Tensor,), {})
    tensor = torch.ones(3).as_subclass(plain)
    assert_aliases(tensor, function(tensor))
    buffer = torch.nn.Buffer(torch.ones(3))
    assert_aliases(buffer, function(buffer))


@each_function
def test_a_subclass_that_handles_every_operation(function: Callable[[Any], Any]) -> None:
    """Its own memory is shared, or it is refused; its operations are never taken for the values."""
    calls: list[str] = []

    def dispatch(cls: type, operation: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        calls.append(str(operation))
        with torch._C._DisableTorchDispatch():
            return operation(*arguments, **keywords or {})

    kind = type("Logging", (torch.Tensor,), {"__torch_dispatch__": classmethod(dispatch)})
    tensor = torch.Tensor._make_subclass(kind, torch.ones(3))
    array = np.asarray(function(tensor))
    array[0] = 50
    assert torch.Tensor.data_ptr(tensor) == array.ctypes.data
    assert array.tolist() == [50, 1, 1]


def test_a_subclass_of_two_tensors_is_refused() -> None:
    from torch.testing._internal.two_tensor import TwoTensor

    for function in (*FUNCTIONS.values(), lambda t: bridge.to_numpy(t, copy=True)):
        with refused("data", "torch", hint="share the real tensor"):
            function(TwoTensor(torch.ones(3), torch.zeros(3)))


def test_a_dual_tensor_is_shared_as_torch_does() -> None:
    """A write changes the value, and leaves the tangent alone."""
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.zeros(3), torch.ones(3))
        array, theirs = bridge.to_numpy(dual), dual.numpy()
        array[0] = 7
        assert theirs[0] == 7
        value, tangent = torch.autograd.forward_ad.unpack_dual(dual)
        assert value.tolist() == [7, 0, 0]
        assert tangent.tolist() == [1, 1, 1]
