"""What is known of an array at a glance, whatever its library. Nothing is imported, pinned, read or kept."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge.tensors import is_tensor

from .sharing import Handed

LIBRARIES = {"jaxlib": "jax", "numpy_bridge": "bridge"}
"""Libraries whose types live in a module of another name."""

_NONE: frozenset[str] = frozenset()

NOWHERE = "nowhere"
"""The trait of what has a shape and a dtype but no memory."""

VARIABLE = "variable"
"""The trait of what holds a tensor that it may exchange for another one."""

TEXT_OF_TENSORFLOW = "tensorflow string"

_PROTOCOLS = ("__dlpack__", "__array_interface__", "__cuda_array_interface__", "__array__")


class Memory(NamedTuple):
    """An argument or a result.

    Parameters
    ----------
    library : str
        "numpy", "torch", ...; "python" for what no array library made.
    kind : str
        What it is called in a report: "numpy float32", "list of 3 numpy arrays", "bytearray".
    dtype : str
        Its name, as NumPy and torch have it; empty if there is none.
    device : str
        "cpu", "cuda:0", ...
    nbytes : int
        Bytes of its elements.
    traits : frozenset of str
        What stands in the way of sharing: "read-only", "not contiguous", "negative strides", "odd strides",
        "misaligned", "swapped", "requires grad", "negated", "conjugated", "not strided"; VARIABLE or NOWHERE.
    is_array : bool
        Whether there is memory to share at all.
    """

    library: str
    kind: str
    dtype: str = ""
    device: str = "cpu"
    nbytes: int = 0
    traits: frozenset[str] = frozenset()
    is_array: bool = True


def memory_of(x: Any) -> Memory:
    """Describe an object."""
    if is_tensor(x):
        return _of_tensor(x)
    if isinstance(x, np.ndarray):
        return _of_ndarray(x)
    if isinstance(x, Handed):
        return Memory("python", "PyCapsule", is_array=False)
    library = _library(x)
    if library == "python":
        return _of_python_object(x)
    return _of_foreign(x, library)


def _has_memory(x: Any) -> bool:
    """Whether a tensor has elements anywhere. Meta and fake tensors and torch.func's own have none."""
    import torch

    if x.is_meta or type(x).__torch_dispatch__ is not torch.Tensor.__torch_dispatch__:
        return False
    try:
        return x.layout is not torch.strided or x.untyped_storage() is not None
    except (RuntimeError, NotImplementedError):
        return False


def _of_tensor(x: Any) -> Memory:
    dtype, device = _name(x.dtype), "cpu" if x.is_cpu else str(x.device)
    kind = f"torch {dtype}" + ("" if device == "cpu" else f" {device}")
    if not _has_memory(x):
        return Memory("torch", kind, dtype, device, traits=frozenset({NOWHERE}))
    strided = x.layout is sys.modules["torch"].strided
    traits = _traits(
        {
            "requires grad": x.requires_grad,
            "negated": x.is_neg(),
            "conjugated": x.is_conj(),
            "not strided": not strided,
            "not contiguous": strided and not x.is_contiguous(),
        }
    )
    return Memory("torch", kind, dtype, device, x.numel() * x.element_size(), traits)


def _of_ndarray(x: np.ndarray[Any, Any]) -> Memory:
    flags, dtype = x.flags, x.dtype
    traits = _NONE
    if not (flags.carray and dtype.isnative):
        traits = _traits(
            {
                "read-only": not flags.writeable,
                "not contiguous": not flags.c_contiguous,
                "negative strides": any(
                    step < 0 and extent > 1 for step, extent in zip(x.strides, x.shape, strict=True)
                ),
                "odd strides": x.itemsize > 0 and any(step % x.itemsize for step in x.strides),
                "misaligned": not flags.aligned,
                "swapped": not dtype.isnative,
            }
        )
    name = _name(dtype)
    return Memory("numpy", f"numpy {name}", name, "cpu", x.nbytes, traits)


def _traits(tests: Mapping[str, bool]) -> frozenset[str]:
    return frozenset(name for name, holds in tests.items() if holds)


@functools.lru_cache(maxsize=256)
def _name(dtype: Any) -> str:
    """The name of a dtype of NumPy's or torch's, both of which take their time to spell it."""
    return str(dtype.name) if isinstance(dtype, np.dtype) else str(dtype).removeprefix("torch.")


def _library(x: object) -> str:
    """The library that made an object with memory, "python" for Python's own and for objects without any."""
    root = type(x).__module__.partition(".")[0]
    if root in sys.stdlib_module_names or isinstance(x, np.generic):
        return "python"
    speaks = any(hasattr(type(x), protocol) for protocol in _PROTOCOLS)
    return LIBRARIES.get(root, root) if speaks else "python"


def _of_python_object(x: Any) -> Memory:
    if isinstance(x, np.generic):
        return Memory("python", f"numpy {x.dtype.name} scalar", is_array=False)
    try:
        with memoryview(_without_lock(x)) as buffer:
            traits = frozenset({"read-only"} if buffer.readonly else ())
            dtype = _buffer_dtype(buffer.format or "B")
            return Memory("python", type(x).__name__, dtype, "cpu", buffer.nbytes, traits)
    except (TypeError, BufferError, ValueError, NotImplementedError):
        return _of_objects(x)


def _without_lock(x: Any) -> Any:
    """What a locked `multiprocessing.Array` locks, which is what our own calls share."""
    locked = type(x).__module__ == "multiprocessing.sharedctypes" and hasattr(type(x), "get_obj")
    return x.get_obj() if locked else x


def _buffer_dtype(format: str) -> str:
    try:
        return str(np.dtype(format).name)
    except TypeError:
        return "uint8"


def _of_objects(x: Any) -> Memory:
    """Python objects. A list of arrays is another matter than one of numbers: the first element tells."""
    name = type(x).__name__
    if not isinstance(x, list | tuple) or not x:
        return Memory("python", name, is_array=False)
    first = memory_of(x[0])
    if first.is_array and first.library != "python":
        noun = "tensors" if first.library == "torch" else "arrays"
        return Memory(first.library, f"{name} of {first.library} {noun}", is_array=False)
    return Memory("python", f"{name} of {type(x[0]).__name__}", is_array=False)


def _foreign_dtype(x: Any) -> str:
    """A dtype's name as NumPy has it, or nothing: other libraries write float64, Float64 or tf.float64."""
    dtype = getattr(x, "dtype", None)
    name = str(getattr(dtype, "name", dtype)).rpartition(".")[2].lower()
    return name if name == "bfloat16" or name in np.sctypeDict else ""


_OF_ARROW = {"halffloat": "float16", "float": "float32", "double": "float64"}
_TIMES_OF_ARROW = {"timestamp[": "datetime64[", "duration[": "timedelta64["}


def _arrow_dtype(x: Any) -> str:
    """Arrow's name where it is another thing than what NumPy has."""
    name = str(getattr(x, "type", ""))
    for theirs, ours in _TIMES_OF_ARROW.items():
        name = name.replace(theirs, ours)
    return _OF_ARROW.get(name, name)


def _of_foreign(x: Any, library: str) -> Memory:
    if library == "tensorflow":
        return _of_tensorflow(x)
    dtype = _arrow_dtype(x) if library == "pyarrow" else _foreign_dtype(x)
    kind = f"{library} {dtype}".strip() if dtype else f"{library}.{type(x).__name__}"
    nbytes = getattr(x, "nbytes", 0)
    device = str(x.device) if library == "bridge" else f"cuda:{x.device.id}" if library == "cupy" else "cpu"
    return Memory(library, kind, dtype, device, nbytes if isinstance(nbytes, int) else 0)


def _of_tensorflow(x: Any) -> Memory:
    """A tensor or a variable; one that a function being traced works with has no memory."""
    if x.dtype.name in ("string", "resource", "variant"):  # to ask these for memory ends the process
        return Memory("tensorflow", TEXT_OF_TENSORFLOW, is_array=False)
    dtype, place = x.dtype.name, x.device.rpartition("device:")[2].lower()
    device = "cpu" if place in ("", "cpu:0") else place.replace("gpu", "cuda")
    kind = f"tensorflow {dtype}" + ("" if device == "cpu" else f" {device}")
    if not hasattr(type(x), "numpy"):
        return Memory("tensorflow", kind, dtype, device, traits=frozenset({NOWHERE}))
    traits = frozenset({VARIABLE} if hasattr(x, "assign") else ())
    return Memory("tensorflow", kind, dtype, device, x.shape.num_elements() * x.dtype.size, traits)
