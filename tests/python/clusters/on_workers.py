"""What the tests run on workers, which import it from here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import numpy_bridge as bridge


def mapped_from(x: Any) -> str:
    """The file that holds the memory of `x`, and how it is mapped: "rw-p /dev/shm/plasma1"."""
    address = x.data_ptr() if hasattr(x, "data_ptr") else bridge.view(x).ptr
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, permissions, _, _, _, *path = line.split(None, 5)
        low, high = (int(end, 16) for end in span.split("-"))
        if low <= address < high:
            return f"{permissions} {''.join(path)}"
    return ""


def raw(x: Any) -> bytes:
    """The values, as bytes."""
    x = x.detach().resolve_conj() if hasattr(x, "detach") else x
    return np.ascontiguousarray(bridge.to_numpy(x)).tobytes()


def fill(x: Any, byte: int) -> str:
    """Write all of `x`, even if it is marked read-only; return the error if that cannot be done."""
    if hasattr(x, "detach"):
        x = x.detach().conj() if x.is_conj() else x.detach()
    array = bridge.to_numpy(x)
    bits = array.view(f"u{array.itemsize}")
    try:
        bits[...] = int.from_bytes([byte] * array.itemsize, "little")
    except ValueError as error:
        return str(error)
    return ""


def node() -> str:
    import ray

    return ray.get_runtime_context().get_node_id()


class Reader:
    """An actor that keeps what it is given."""

    def look(self, x: Any) -> dict[str, Any]:
        self.x = x
        kind = type(x).__name__
        about = {"type": kind, "mapped": mapped_from(x), "raw": raw(x), "node": node()}
        return {**about, "dtype": str(x.dtype)}

    def write(self, byte: int) -> str:
        return fill(self.x, byte)

    def kept(self) -> bytes:
        return raw(self.x)

    def back(self) -> Any:
        return self.x

    def register(self, readonly: str) -> None:
        bridge.ray.register(readonly)  # type: ignore[arg-type]
