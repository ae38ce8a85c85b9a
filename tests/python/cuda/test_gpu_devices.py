"""Several devices: work goes where the memory is, and the caller's current device stays what it was."""

from __future__ import annotations

from typing import Any

import pytest

import numpy_bridge as bridge
from gpu_streams import sleep, torch
from numpy_bridge import add_, copy_

COUNT = 1 << 20

needs_two = pytest.mark.skipif(torch.cuda.device_count() < 2, reason="there are no two CUDA devices here")


def on(device: int, value: float = 1, **options: Any) -> Any:
    return torch.full((COUNT,), float(value), device=f"cuda:{device}", **options)


@needs_two
@pytest.mark.parametrize("current", [0, 1])
def test_the_current_device_does_not_matter_and_stays(current: int) -> None:
    for device in (0, 1):
        x = on(device)
        with torch.cuda.device(current):
            add_(x, 1)
            add_(x, x)
            copy_(x[1:], x[:-1])
            assert torch.cuda.current_device() == current
        assert (x == 4).all()


@needs_two
def test_operands_on_two_devices_are_not_added() -> None:
    with pytest.raises(bridge.SharingError) as caught:
        add_(on(0), on(1))
    assert caught.value.field == "device"
    assert "cuda:0" in str(caught.value)
    assert "cuda:1" in str(caught.value)


@needs_two
@pytest.mark.parametrize("how", ["packed", "strided", "cast"])
def test_copies_between_devices(how: str) -> None:
    x, y = on(0, 0), on(1, 3, dtype=torch.float16 if how == "cast" else torch.float32)
    step = 2 if how == "strided" else 1
    copy_(x[::step], y[::step])
    assert (x[::step] == 3).all()
    assert (x[1::2] == (0 if how == "strided" else 3)).all()


@needs_two
def test_copies_between_devices_are_in_order_with_both() -> None:
    x, y = on(0, 0), on(1, 0)
    torch.cuda.synchronize(0)
    torch.cuda.synchronize(1)
    first, second = torch.cuda.Stream(0), torch.cuda.Stream(1)
    with torch.cuda.stream(first), torch.cuda.stream(second):
        with torch.cuda.device(1):
            sleep()
        y.fill_(3)
        copy_(x, y)
        y.fill_(100)
        seen = x.clone()
    first.synchronize()
    assert (seen == 3).all()


def test_the_host_and_a_device_are_not_added() -> None:
    for x, y in ((on(0), torch.ones(COUNT)), (torch.ones(COUNT), on(0))):
        with pytest.raises(bridge.SharingError) as caught:
            add_(x, y)
        assert caught.value.field == "device"
        assert (x == 1).all()
