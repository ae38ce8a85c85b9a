"""CUDA kernels of numpy_bridge; absent from wheels built without a CUDA compiler."""

from typing import Any

def info() -> dict[str, Any]: ...
