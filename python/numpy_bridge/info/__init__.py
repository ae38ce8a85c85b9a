"""What was built, what this machine has, and why CUDA is unavailable when it is.

>>> from numpy_bridge.info import describe
>>> describe()["libraries"]["numpy"] != ""
True
"""

from __future__ import annotations

import importlib.metadata
import platform
from typing import Any

import numpy_bridge

from .cuda import describe_cuda

__all__ = ["SCHEMA", "describe", "describe_cuda", "libraries"]

SCHEMA = "numpy-bridge/info/1"
"""Name and version of the form. The version rises when a field changes its meaning or goes."""

_ARRAY_LIBRARIES = (
    *("numpy", "ml_dtypes", "torch", "cupy", "numba", "numba_cuda", "jax", "tensorflow", "paddle", "mlx"),
    *("tinygrad", "warp", "pyarrow", "pandas", "polars", "xarray", "awkward", "dask", "zarr", "h5py"),
    *("PIL", "cv2", "onnxruntime", "tvm_ffi", "array_api_strict"),
)


def describe() -> dict[str, Any]:
    """Describe the installation, ready for `json.dumps`. Imports no array library but NumPy.

    Returns
    -------
    dict
        ``schema``, ``version``, ``python`` and ``platform`` (text); ``cuda``, see `describe_cuda`; and
        ``libraries``, see `libraries`.
    """
    return {
        "schema": SCHEMA,
        "version": numpy_bridge.__version__,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
        "cuda": describe_cuda(),
        "libraries": libraries(),
    }


def libraries() -> dict[str, str]:
    """Return the version of each array library that is installed, by the name that it is imported by."""
    distributions = importlib.metadata.packages_distributions()
    return {
        name: importlib.metadata.version(distributions[name][0])
        for name in _ARRAY_LIBRARIES
        if name in distributions
    }
