"""The libraries that the matrix knows, heaviest to import first, and which of them are installed."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import platform
from collections.abc import Mapping

from .model import Library

PYTHON = Library("python", "", read="np.asarray(x).tolist()", write="np.asarray(x)[...] = values")
NUMPY = Library(
    "numpy",
    "import numpy as np",
    read="x.tolist()",
    write="x[...] = np.reshape(values, x.shape)",
)

LIBRARIES: tuple[Library, ...] = (
    Library(
        "tensorflow",
        "import tensorflow as tf",
        # An operation, since TensorFlow looks at the alignment of what it took in only then.
        read="np.asarray(x + tf.zeros_like(x)).tolist()",
        module="tensorflow",
    ),
    Library(
        "torch",
        "import torch",
        read="x.detach().cpu().tolist()",
        write="x.detach().copy_(torch.tensor(values).reshape(x.shape))",
        module="torch",
    ),
    Library(
        "cupy",
        "import cupy",
        read="x.get().tolist()",
        write="x[...] = cupy.asarray(values).reshape(x.shape)",
        module="cupy",
    ),
    Library("jax", "import jax\nimport jax.numpy as jnp", read="x.tolist()", module="jax"),
    Library("tinygrad", "import tinygrad", read="x.tolist()", module="tinygrad"),
    Library(
        "xarray", "import xarray as xr", read="x.values.tolist()", write="x[...] = values", module="xarray"
    ),
    Library(
        "pandas",
        "import pandas as pd",
        read="x.values.tolist()",
        write="x.iloc[:] = np.array(values, x.dtype)",
        module="pandas",
    ),
    Library("opencv", "import cv2", read="x.get().tolist()", module="cv2"),
    Library(
        "onnxruntime",
        "import onnxruntime",
        read="x.numpy().tolist()",
        write="x.update_inplace(np.array(values, np.float32))",
        module="onnxruntime",
    ),
    Library("awkward", "import awkward as ak", read="x.to_list()", module="awkward"),
    Library("polars", "import polars as pl", read="x.to_list()", module="polars"),
    Library("pyarrow", "import pyarrow as pa", read="x.to_pylist()", module="pyarrow"),
    Library(
        "tvm-ffi",
        "import tvm_ffi",
        read="np.from_dlpack(x).tolist()",
        write="np.from_dlpack(x)[...] = values",
        module="tvm_ffi",
    ),
    Library(
        "array-api-strict",
        "import array_api_strict",
        read="np.from_dlpack(x).tolist()",
        write="np.from_dlpack(x)[...] = values",
        module="array_api_strict",
    ),
    Library("mlx", "import mlx.core as mx", read="x.tolist()", module="mlx"),
    Library(
        "pillow", "from PIL import Image", read="list(x.tobytes())", write="x.putdata(values)", module="PIL"
    ),
    Library("ml_dtypes", "import ml_dtypes", read="", module="ml_dtypes"),
    NUMPY,
    PYTHON,
)

BY_NAME = {library.name: library for library in LIBRARIES}


def is_installed(library: Library) -> bool:
    """Return whether a library is here, without importing it."""
    return library is PYTHON or importlib.util.find_spec(library.module or library.name) is not None


def installed() -> dict[str, str]:
    """Return the version of every library that is here, the standard library's being Python's."""
    return {library.name: _version(library) for library in LIBRARIES if is_installed(library)}


def _version(library: Library) -> str:
    if library is PYTHON:
        return platform.python_version()
    distributions = _distributions().get(library.module or library.name, ())
    return next((importlib.metadata.version(name) for name in distributions), "unknown")


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    """Return the distributions of each module; looking through all that is installed takes a second."""
    return importlib.metadata.packages_distributions()
