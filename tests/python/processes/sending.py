"""The ways that a message takes, each inside this process: what arrives would be the same in another one."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy_bridge as bridge


def out_of_band(x: Any, **options: Any) -> Any:
    """What arrives aliases `x`, as no transport is between."""
    buffers: list[pickle.PickleBuffer] = []
    return bridge.loads(bridge.dumps(x, buffer_callback=buffers.append), buffers, **options)


def through_bytes(x: Any, **options: Any) -> Any:
    """Buffers arrive read-only, as from an object store."""
    buffers: list[bytes] = []
    data = bridge.dumps(x, buffer_callback=lambda buffer: buffers.append(bytes(buffer.raw())))
    return bridge.loads(data, buffers, **options)


def at_odd_addresses(x: Any) -> Any:
    """Buffers arrive anywhere in a larger message."""
    buffers: list[memoryview] = []

    def receive(buffer: pickle.PickleBuffer) -> None:
        buffers.append(memoryview(bytearray(b"?" + buffer.raw().tobytes()))[1:])

    return bridge.loads(bridge.dumps(x, buffer_callback=receive), buffers)


COPIES: dict[str, Callable[[Any], Any]] = {
    "in band": lambda x: bridge.loads(bridge.dumps(x)),
    "in band, protocol 2": lambda x: pickle.loads(bridge.dumps(x, 2)),
    "as bytes": through_bytes,
    "as bytes, copied": lambda x: through_bytes(x, readonly="copy"),
    "at odd addresses": at_odd_addresses,
}


def buffers_of(x: Any) -> list[memoryview]:
    """The bytes that leave the process."""
    buffers: list[pickle.PickleBuffer] = []
    bridge.dumps(x, buffer_callback=buffers.append)
    return [buffer.raw() for buffer in buffers]
