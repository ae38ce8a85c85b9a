"""`dims=`: axes in another order, over the same memory."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
import numpy_bridge.dims
from support import assert_aliases, needs_torch, refused, torch


def image(*shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


ORDERS = [
    ("HWC->CHW", (4, 5, 3), (3, 4, 5)),
    ("CHW->HWC", (3, 4, 5), (4, 5, 3)),
    ("NHWC->NCHW", (2, 4, 5, 3), (2, 3, 4, 5)),
    ("N H W -> W H N", (2, 4, 5), (5, 4, 2)),
    ("xy->yx", (2, 3), (3, 2)),
    ("i->i", (4,), (4,)),
    ("HWC->HWC", (4, 5, 3), (4, 5, 3)),
]
CONVERSIONS: dict[str, Any] = {
    "to_numpy": bridge.to_numpy,
    "to_torch": bridge.to_torch,
    "to numpy": lambda x, **options: bridge.to(x, "numpy", **options),
    "to torch": lambda x, **options: bridge.to(x, "torch", **options),
}


@needs_torch
@pytest.mark.parametrize(("dims", "before", "after"), ORDERS)
@pytest.mark.parametrize("name", CONVERSIONS)
def test_axes_are_in_the_order_that_was_asked_for(
    name: str, dims: str, before: tuple[int, ...], after: tuple[int, ...]
) -> None:
    x = image(*before)
    made = CONVERSIONS[name](x, dims=dims)
    assert tuple(made.shape) == after
    letters, order = dims.replace(" ", "").split("->")
    assert_aliases(made, x.transpose([letters.index(letter) for letter in order]))
    made[(0,) * len(after)] = 7
    assert x.flat[0] == 7


@needs_torch
@pytest.mark.parametrize("make", [bytearray, bridge.view, np.asarray], ids=["bytes", "view", "array"])
def test_sources(make: Any) -> None:
    x = make(image(24))
    assert_aliases(bridge.to_torch(x, dims="i->i"), bridge.to(x, np, dims="i->i"))


@needs_torch
def test_tensors_stay_in_their_graph() -> None:
    leaf = torch.ones(2, 3, requires_grad=True)
    bridge.to_torch(leaf, dims="HW->WH").sum().backward()
    assert leaf.grad.sum() == 6


@needs_torch
def test_parts_of_images_and_flipped_ones() -> None:
    x = image(6, 8, 3)
    part = bridge.to_torch(x[1:5, ::2], dims="HWC->CHW")
    assert tuple(part.shape) == (3, 4, 4)
    part[2, 0, 1] = 200
    assert x[1, 2, 2] == 200
    with refused("strides", "torch", hint="flip it"):
        bridge.to_torch(x[::-1], dims="HWC->CHW")
    with refused("strides", "torch"):  # as images of OpenCV are turned from BGR to RGB
        bridge.to_torch(x[..., ::-1], dims="HWC->CHW")
    flipped = bridge.to_torch(x[::-1], dims="HWC->CHW", copy=None)
    assert np.array_equal(flipped.numpy(), x[::-1].transpose(2, 0, 1))


@needs_torch
def test_read_only_images() -> None:
    x = image(2, 3, 3)
    x.flags.writeable = False
    with refused("readonly", "torch"):
        bridge.to_torch(x, dims="HWC->CHW")
    assert bridge.shares_memory(bridge.to_torch(x, allow_readonly=True, dims="HWC->CHW"), x)
    assert not bridge.to_numpy(x, dims="HWC->CHW").flags.writeable
    bridge.to_torch(x, copy=True, dims="HWC->CHW").zero_()
    assert x.any()


@needs_torch
def test_images_of_pillow_are_copied() -> None:
    pillow = pytest.importorskip("PIL.Image", reason="pillow is not installed: nox -s faults")
    x = image(4, 5, 3)
    picture = pillow.fromarray(x)
    with refused("data", "__array_interface__", hint="copy=None"):
        bridge.to_torch(picture, dims="HWC->CHW")
    for made in (bridge.to_torch, CONVERSIONS["to torch"]):
        tensor = made(picture, copy=None, dims="HWC->CHW")
        assert np.array_equal(tensor, x.transpose(2, 0, 1))
        tensor.zero_()
    grey = bridge.to_torch(picture.convert("L"), copy=True, dims="HW->WH")
    assert tuple(grey.shape) == (5, 4)


def test_other_libraries() -> None:
    jax = pytest.importorskip("jax.numpy", reason="jax is not installed: nox -s faults")
    x = bridge.to_numpy(bridge.empty((4, 5, 3), "float32"))
    x[...] = image(4, 5, 3)
    made = bridge.to(x, jax, dims="HWC->CHW", allow_mutable=True)
    assert made.shape == (3, 4, 5)
    assert bridge.shares_memory(made, x)
    again = bridge.to(made, np, dims="CHW->HWC")
    assert np.array_equal(again, x)


WRONG: list[tuple[str, str, str]] = [
    ("HWC", "letters", "'HWC'"),
    ("HW,C->CHW", "letters", "'HW,C->CHW'"),
    ("HWC->CHW->HWC", "letters", "'HWC->CHW->HWC'"),
    ("->", "letters", "'->'"),
    ("HWC->CH", "letters", "W on one side"),
    ("HWC->CHX", "letters", "W, X on one side"),
    ("HWC->", "letters", "C, H, W on one side"),
    ("HHC->CHH", "letters", "'H' twice in 'HHC'"),
    ("HWC->CHH", "letters", "'H' twice in 'CHH'"),
    ("HWC->chw", "letters", "C, H, W, c, h, w on one side"),
    ("NHWC->NCHW", "ndim", "the shape (4, 5, 3)"),
    ("HW->WH", "ndim", "the shape (4, 5, 3)"),
]


@needs_torch
@pytest.mark.parametrize(("dims", "field", "got"), WRONG)
def test_wrong_dims(dims: str, field: str, got: str) -> None:
    for convert in CONVERSIONS.values():
        with pytest.raises(bridge.SharingError, match="cannot order the axes") as caught:
            convert(image(4, 5, 3), dims=dims)
        assert (caught.value.protocol, caught.value.field, caught.value.got) == ("dims", field, got)
        assert caught.value.hint


def test_what_is_no_string() -> None:
    with pytest.raises(TypeError, match="expected a string such as 'HWC->CHW', got tuple"):
        bridge.to_numpy(image(2, 3), dims=(1, 0))  # type: ignore[arg-type]
    assert bridge.to_numpy(image(2, 3), dims=None).shape == (2, 3)


def test_examples_of_docstrings() -> None:
    scope = {"np": np, "in_order": numpy_bridge.dims.in_order}
    (test,) = doctest.DocTestFinder().find(numpy_bridge.dims.in_order, globs=scope)
    assert doctest.DocTestRunner().run(test).failed == 0
