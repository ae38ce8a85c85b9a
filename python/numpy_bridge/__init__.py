"""One block of memory, every array library: shared, proven shared, or a clear reason why not.

>>> import numpy as np
>>> import numpy_bridge as bridge
>>> block = bytearray(8)
>>> array = bridge.to_numpy(block)
>>> array[0] = 7
>>> block[0], bridge.shares_memory(array, block)
(7, True)

PYTEST_DONT_REWRITE: pytest rewrites the asserts of every plugin's distribution, and warns if it is too late.
"""

import sys

if sys.version_info < (3, 12):  # which refuses by itself; older ones would wait for a lock for ever
    import _xxsubinterpreters as interpreters  # type: ignore[import-not-found]

    if interpreters.get_current() != interpreters.get_main():
        raise ImportError("numpy_bridge cannot be imported in a sub-interpreter: import it in the main one")
    del interpreters

from numpy_bridge import dask, ray
from numpy_bridge._core import (
    SharedBlock,
    View,
    __version__,
    add_,
    copy_,
    may_share_memory,
    shares_memory,
    to_numpy,
    to_torch,
    view,
)
from numpy_bridge.auditing import audit, no_copies
from numpy_bridge.auditing.notebook import load_ipython_extension as load_ipython_extension
from numpy_bridge.errors import CudaError, HiddenCopyError, SharingError, TooHardError, TreeError
from numpy_bridge.explanation import explain
from numpy_bridge.fields import fields
from numpy_bridge.files import open_arrow, open_hdf5, open_npy, open_safetensors, open_zarr
from numpy_bridge.numpy_ops import NumpyOp, numpy_op
from numpy_bridge.paths import get_cmake_dir, get_include
from numpy_bridge.pointer import from_pointer
from numpy_bridge.processes import Pickler, ReducerMixin, dumps, loads, register_reducers, shared_empty
from numpy_bridge.targets import empty, to, to_arrow, to_cupy, to_jax, to_tensorflow
from numpy_bridge.video import planes

# No __getattr__: with one, CPython looks up every bridge.NAME the slow way,
# which costs up to a fifth of a conversion. What is large is imported when it is called.
__all__ = [
    "CudaError",
    "HiddenCopyError",
    "NumpyOp",
    "Pickler",
    "ReducerMixin",
    "SharedBlock",
    "SharingError",
    "TooHardError",
    "TreeError",
    "View",
    "__version__",
    "add_",
    "audit",
    "copy_",
    "dask",
    "dumps",
    "empty",
    "explain",
    "fields",
    "from_pointer",
    "get_cmake_dir",
    "get_include",
    "loads",
    "may_share_memory",
    "no_copies",
    "numpy_op",
    "open_arrow",
    "open_hdf5",
    "open_npy",
    "open_safetensors",
    "open_zarr",
    "planes",
    "ray",
    "register_reducers",
    "shared_empty",
    "shares_memory",
    "to",
    "to_arrow",
    "to_cupy",
    "to_jax",
    "to_numpy",
    "to_tensorflow",
    "to_torch",
    "view",
]
