"""The libraries of the matrix, heaviest to import first, and how each one's objects are read and written."""

from __future__ import annotations

from dataclasses import dataclass

from numpy_bridge import libraries


@dataclass(frozen=True)
class Library:
    """An array library, and how it reads and writes its own objects.

    Parameters
    ----------
    name : str
        Its name in `numpy_bridge.libraries`.
    imports : str
        Statements that bring it into the scope of producers and consumers.
    read : str
        An expression for the values of `x`, in any nesting of lists.
    write : str
        A statement that stores the flat list `values` in `x`; empty if its objects never change.
    """

    name: str
    imports: str
    read: str
    write: str = ""

    @property
    def installed(self) -> bool:
        """True if the library can be imported. It is not imported."""
        return libraries.BY_NAME[self.name].installed


PYTHON = Library("python", "", read="np.asarray(x).tolist()", write="np.asarray(x)[...] = values")
NUMPY = Library(
    "numpy", "import numpy as np", read="x.tolist()", write="x[...] = np.reshape(values, x.shape)"
)

LIBRARIES: tuple[Library, ...] = (
    Library(
        "tensorflow",
        "import tensorflow as tf",
        # An operation, since TensorFlow checks the alignment of imported memory only then.
        read="np.asarray(x + tf.zeros_like(x)).tolist()",
    ),
    Library(
        "torch",
        "import torch",
        read="x.detach().cpu().tolist()",
        write="x.detach().copy_(torch.tensor(values).reshape(x.shape))",
    ),
    Library(
        "cupy", "import cupy", read="x.get().tolist()", write="x[...] = cupy.asarray(values).reshape(x.shape)"
    ),
    # A new array, since jax keeps the values of one that it has transposed for NumPy.
    Library("jax", "import jax\nimport jax.numpy as jnp", read="jnp.array(x).tolist()"),
    Library("tinygrad", "import tinygrad", read="x.tolist()"),
    Library("xarray", "import xarray as xr", read="x.values.tolist()", write="x[...] = values"),
    Library(
        "pandas",
        "import pandas as pd",
        read="x.values.tolist()",
        write="x.iloc[:] = np.array(values, x.dtype)",
    ),
    Library("opencv", "import cv2", read="x.get().tolist()"),
    Library(
        "onnxruntime",
        "import onnxruntime",
        read="x.numpy().tolist()",
        write="x.update_inplace(np.array(values, np.float32))",
    ),
    Library("awkward", "import awkward as ak", read="x.to_list()"),
    Library("polars", "import polars as pl", read="x.to_list()"),
    Library("pyarrow", "import pyarrow as pa", read="x.to_pylist()"),
    Library(
        "tvm-ffi",
        "import tvm_ffi",
        read="np.from_dlpack(x).tolist()",
        write="np.from_dlpack(x)[...] = values",
    ),
    Library(
        "array-api-strict",
        "import array_api_strict",
        read="np.from_dlpack(x).tolist()",
        write="np.from_dlpack(x)[...] = values",
    ),
    Library("mlx", "import mlx.core as mx", read="x.tolist()"),
    Library("pillow", "from PIL import Image", read="list(x.tobytes())", write="x.putdata(values)"),
    Library("ml_dtypes", "import ml_dtypes", read=""),
    Library(
        "numpy_bridge",
        "import numpy_bridge as bridge",
        read="bridge.to_numpy(x).tolist()",
        write="bridge.to_numpy(x)[...] = values",
    ),
    NUMPY,
    PYTHON,
)

BY_NAME = {library.name: library for library in LIBRARIES}


def installed() -> dict[str, str]:
    """Return the version of each installed library; for the standard library, Python's."""
    return {
        each.name: libraries.BY_NAME[each.name].version or "unknown" for each in LIBRARIES if each.installed
    }


def needed(*names: str) -> tuple[str, ...]:
    """Return these names of libraries once each, heaviest to import first."""
    return tuple(name for name in BY_NAME if name in names)
