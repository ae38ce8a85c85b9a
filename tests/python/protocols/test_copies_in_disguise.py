"""Producers whose `__dlpack__` copies without saying so, and memory that the host may not read yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge


class _Producer:
    def __init__(self) -> None:
        self.array = np.zeros(3)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


class Legacy(_Producer):
    """Knows no keyword but `stream`, and copies."""

    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.array.copy().__dlpack__()


class KnowsCopyOnly(_Producer):
    def __dlpack__(self, *, stream: Any = None, copy: bool | None = None) -> Any:
        if copy is False:
            raise BufferError("cannot share")
        return self.array.copy().__dlpack__()


class RefusesByTypeError(_Producer):
    def __dlpack__(self, *, max_version: Any = None, copy: bool | None = None, **options: Any) -> Any:
        if copy is False:
            raise TypeError("cannot share without a copy")
        return bridge.view(self.array.copy()).__dlpack__(max_version=max_version)


class LegacySharing(_Producer):
    def __dlpack__(self, *, stream: Any = None) -> Any:
        return self.array.__dlpack__()


COPYING = [Legacy, KnowsCopyOnly, RefusesByTypeError]


@pytest.mark.parametrize("producer", COPYING)
def test_a_copy_is_no_share(producer: Any) -> None:
    x = producer()
    for function in (bridge.to_numpy, bridge.view):
        with pytest.raises(bridge.SharingError, match="DLPack"):
            function(x)
    with pytest.raises(bridge.SharingError, match="DLPack"):
        bridge.shares_memory(x, x.array)


@pytest.mark.parametrize("producer", COPYING)
def test_a_copy_is_accepted_where_it_is_asked_for(producer: Any) -> None:
    x = producer()
    copy = bridge.to_numpy(x, copy=None)
    copy[0] = 7
    assert x.array[0] == 0


def test_a_legacy_producer_that_shares_is_believed() -> None:
    x = LegacySharing()
    bridge.to_numpy(x)[0] = 7
    assert x.array[0] == 7


# Devices


class Managed(_Producer):
    """Memory that CUDA and the host can both reach: DLPack puts work on it in the order of a stream."""

    def __dlpack__(self, **options: Any) -> Any:
        view = bridge.from_pointer(self.array.ctypes.data, 3, "f8", device="cuda_managed:0", owner=self.array)
        return view.__dlpack__(max_version=(1, 0))

    def __dlpack_device__(self) -> tuple[int, int]:
        return (13, 0)


def test_managed_memory_at_work_is_not_for_the_host() -> None:
    view = bridge.view(Managed())
    for function in (bridge.to_numpy, memoryview, np.asarray):
        with pytest.raises(
            BufferError,
            match="cannot share this CUDA memory: expected managed memory without pending work on a stream",
        ):
            function(view)
    with pytest.raises(BufferError, match="work on stream 1"):
        view.__dlpack__(dl_device=(1, 0), max_version=(1, 0))
    assert not hasattr(view, "__array_interface__")
    assert not hasattr(view, "__array_struct__")
    idle = bridge.from_pointer(view.ptr, view.shape, view.dtype, device="cuda_managed:0", owner=view)
    assert bridge.to_numpy(idle).tolist() == [0, 0, 0]


def test_views_of_device_memory_compare_without_an_error() -> None:
    view = bridge.from_pointer(4096, 3, "u1", device="cuda:0", readonly=True)
    assert view == view
    assert view != b"abc"
    assert view not in [b"abc", bridge.view(b"abc")]
    with pytest.raises(ValueError, match="cannot hash a View of device memory"):
        hash(view)


def test_a_device_that_torch_would_mistake_is_refused() -> None:
    pytest.importorskip("torch")
    view = bridge.from_pointer(4096, 3, "u1", device="cuda:256")
    with pytest.raises(
        bridge.SharingError,
        match="torch cannot share this: expected a device index of 0 to 127, got cuda:256",
    ):
        bridge.to_torch(view)
