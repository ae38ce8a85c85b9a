"""Work that takes long, and memory that says which stream work on it has been given to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="streams are torch's here")

LONG = 400_000_000
"""Clock cycles: some tenths of a second on any device, and longer than any call here takes on the host."""


def sleep() -> None:
    """Give the current stream nothing to do for long."""
    torch.cuda._sleep(LONG)


def handle(stream: Any) -> int:
    """The stream as the CUDA array interface counts them, where the legacy default one is 1."""
    return int(stream.cuda_stream) or 1


class OnStream:
    """A tensor's memory by the CUDA array interface only, and a stream of the caller's choice."""

    def __init__(self, tensor: Any, stream: int | None) -> None:
        self.tensor = tensor
        self.stream = stream

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {**self.tensor.__cuda_array_interface__, "version": 3, "stream": self.stream}


@contextlib.contextmanager
def not_waiting() -> Iterator[None]:
    """The block returns while the current stream is still at work: nothing in it waited for the device.

    Not by the clock: an event after long work and the block's own must not have come yet when the block ends.
    """
    sleep()
    begun = torch.cuda.Event()
    begun.record()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
        waited = begun.query()
    finally:
        torch.cuda.set_sync_debug_mode("default")
        torch.cuda.synchronize()
    assert not waited, "the call waited for the device"
