"""Arguments and results of calls, described at a glance. Nothing is imported, pinned, read or kept."""

from __future__ import annotations

import functools
import sys
from enum import Enum
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import libraries
from numpy_bridge.tensors import is_tensor

from .addresses import Capsule

TEXT_OF_TENSORFLOW = "tensorflow string"

_PROTOCOLS = ("__dlpack__", "__array_interface__", "__cuda_array_interface__", "__array__")


def same_kind(dtype: str, other: str) -> bool:
    """Whether two dtypes differ in nothing but their size, as float64 and float32."""
    return dtype.rstrip("0123456789") == other.rstrip("0123456789")


class Trait(Enum):
    """Properties that can prevent sharing."""

    READ_ONLY = "read-only"
    NOT_CONTIGUOUS = "not contiguous"
    NEGATIVE_STRIDES = "negative strides"
    ODD_STRIDES = "strides that are no multiples of the element size"
    MISALIGNED = "misaligned"
    SWAPPED = "foreign byte order"
    REQUIRES_GRAD = "requires grad"
    NEGATED = "negation bit"
    CONJUGATED = "conjugation bit"
    NOT_STRIDED = "not strided"
    MASKED = "masked"
    VARIABLE = "a variable, which may exchange the tensor that it holds"
    NO_MEMORY = "a shape and a dtype without memory"

    __hash__ = object.__hash__  # of an Enum: slow


_OF_TENSORS = (
    *(Trait.REQUIRES_GRAD, Trait.NEGATED, Trait.CONJUGATED, Trait.NOT_STRIDED, Trait.NOT_CONTIGUOUS),
)
_OF_ARRAYS = (
    *(Trait.READ_ONLY, Trait.NOT_CONTIGUOUS, Trait.NEGATIVE_STRIDES, Trait.ODD_STRIDES, Trait.MISALIGNED),
    Trait.SWAPPED,
)
_NONE, _READ_ONLY = frozenset[Trait](), frozenset({Trait.READ_ONLY})


class Operand(NamedTuple):
    """An argument or a result.

    Parameters
    ----------
    library : str
        "numpy", "torch", ...; "python" for objects of no array library.
    kind : str
        Its name in reports: "numpy float32", "list of numpy arrays", "bytearray".
    dtype : str
        Its name, as NumPy and torch have it; empty if there is none.
    device : str
        "cpu", "cuda:0", ...
    nbytes : int
        Bytes of its elements.
    traits : frozenset of Trait
        Properties that can prevent sharing.
    is_array : bool
        True if there is memory to share.
    """

    library: str
    kind: str
    dtype: str = ""
    device: str = "cpu"
    nbytes: int = 0
    traits: frozenset[Trait] = _NONE
    is_array: bool = True


def operand_of(x: Any) -> Operand:
    """Describe an object."""
    if is_tensor(x):
        return _of_tensor(x)
    if isinstance(x, np.ndarray):
        return _of_ndarray(x)
    if isinstance(x, Capsule):
        return Operand("python", "PyCapsule", is_array=False)
    library = _library(x)
    if library == "python":
        return _of_python_object(x)
    return _of_foreign(x, library)


def has_own_dispatch(kind: Any) -> bool:
    """Whether a class of tensors computes by itself: fake tensors must not be asked where they are."""
    torch: Any = sys.modules["torch"]
    return kind.__torch_dispatch__ is not torch.Tensor.__torch_dispatch__


def _has_memory(x: Any) -> bool:
    """Whether a tensor has elements anywhere. Meta and fake tensors and torch.func's own have none."""
    import torch

    if x.is_meta or has_own_dispatch(type(x)):
        return False
    try:
        return x.layout is not torch.strided or x.untyped_storage() is not None
    except (RuntimeError, NotImplementedError):
        return False


def _of_tensor(x: Any) -> Operand:
    dtype, device = _name(x.dtype), "cpu" if x.is_cpu else str(x.device)
    kind = f"torch {dtype}" + ("" if device == "cpu" else f" {device}")
    if not _has_memory(x):
        return Operand("torch", kind, dtype, device, traits=frozenset({Trait.NO_MEMORY}))
    strided = x.layout is sys.modules["torch"].strided
    scattered = strided and not x.is_contiguous()
    traits = frozenset(
        compress(_OF_TENSORS, (x.requires_grad, x.is_neg(), x.is_conj(), not strided, scattered))
    )
    return Operand("torch", kind, dtype, device, x.numel() * x.element_size(), traits)


def _of_ndarray(x: np.ndarray[Any, Any]) -> Operand:
    flags, dtype = x.flags, x.dtype
    traits = _NONE
    if not (flags.carray and dtype.isnative):
        negative = (step < 0 and extent > 1 for step, extent in zip(x.strides, x.shape, strict=True))
        odd = x.itemsize > 0 and any(step % x.itemsize for step in x.strides)
        holds = (not flags.writeable, not flags.c_contiguous, any(negative), odd, not flags.aligned)
        traits = frozenset(compress(_OF_ARRAYS, (*holds, not dtype.isnative)))
    if type(x) is not np.ndarray and isinstance(x, np.ma.MaskedArray):
        traits |= {Trait.MASKED}
    name = _name(dtype)
    return Operand("numpy", f"numpy {name}", name, "cpu", x.nbytes, traits)


@functools.lru_cache(maxsize=256)
def _name(dtype: Any) -> str:
    """Return the name of a dtype of NumPy or torch, which both take long to spell it."""
    return str(dtype.name) if isinstance(dtype, np.dtype) else str(dtype).removeprefix("torch.")


def _library(x: object) -> str:
    """Return the library that made an object with memory; "python" for other objects and Python's own."""
    library = libraries.library_of(x)
    if library == libraries.PYTHON or isinstance(x, np.generic):
        return libraries.PYTHON
    return library if any(hasattr(type(x), protocol) for protocol in _PROTOCOLS) else libraries.PYTHON


def _of_python_object(x: Any) -> Operand:
    if isinstance(x, np.generic):
        return Operand("python", f"numpy {x.dtype.name} scalar", is_array=False)
    try:
        with memoryview(_without_lock(x)) as buffer:
            traits = _READ_ONLY if buffer.readonly else _NONE
            dtype = _buffer_dtype(buffer.format or "B")
            return Operand("python", type(x).__name__, dtype, "cpu", buffer.nbytes, traits)
    except (TypeError, BufferError, ValueError, NotImplementedError):
        return _of_objects(x)


def _without_lock(x: Any) -> Any:
    """Return the object inside a locked `multiprocessing.Array`, which our own calls share."""
    locked = type(x).__module__ == "multiprocessing.sharedctypes" and hasattr(type(x), "get_obj")
    return x.get_obj() if locked else x


def _buffer_dtype(format: str) -> str:
    try:
        return str(np.dtype(format).name)
    except TypeError:
        return "uint8"


def _of_objects(x: Any) -> Operand:
    """Describe Python objects. The first element tells a list of arrays from a list of numbers."""
    name = type(x).__name__
    if not isinstance(x, list | tuple) or not x:
        return Operand("python", name, is_array=False)
    first = operand_of(x[0])
    if first.is_array and first.library != "python":
        noun = "tensors" if first.library == "torch" else "arrays"
        return Operand(first.library, f"{name} of {first.library} {noun}", is_array=False)
    return Operand("python", f"{name} of {type(x[0]).__name__}", is_array=False)


def _foreign_dtype(x: Any) -> str:
    """Return a dtype's name as NumPy has it, or nothing. Libraries write float64, Float64 or tf.float64."""
    dtype = getattr(x, "dtype", None)
    name = str(getattr(dtype, "name", dtype)).rpartition(".")[2].lower()
    return name if name == "bfloat16" or name in np.sctypeDict else ""


_OF_ARROW = {"halffloat": "float16", "float": "float32", "double": "float64"}
_TIMES_OF_ARROW = {"timestamp[": "datetime64[", "duration[": "timedelta64["}


def _arrow_dtype(x: Any) -> str:
    """Return the dtype's name; Arrow's own where NumPy has no such dtype."""
    name = str(getattr(x, "type", ""))
    for theirs, ours in _TIMES_OF_ARROW.items():
        name = name.replace(theirs, ours)
    return _OF_ARROW.get(name, name)


def _of_foreign(x: Any, library: str) -> Operand:
    if library == "tensorflow":
        return _of_tensorflow(x)
    if library == "jax":
        return _of_jax(x)
    dtype = _arrow_dtype(x) if library == "pyarrow" else _foreign_dtype(x)
    kind = f"{library} {dtype}".strip() if dtype else f"{library}.{type(x).__name__}"
    nbytes = getattr(x, "nbytes", 0)
    device = _device_of_view(x) if library == "numpy_bridge" else "cpu"
    device = f"cuda:{x.device.id}" if library == "cupy" else device
    return Operand(library, kind, dtype, device, nbytes if isinstance(nbytes, int) else 0)


def _device_of_view(x: Any) -> str:
    """Return the device of a View. Pinned memory is memory of the host."""
    device = str(x.device)
    return "cpu" if device.startswith(("cuda_host", "rocm_host")) else device


def _of_jax(x: Any) -> Operand:
    """Describe an array of jax. While jax traces a function, its arrays have no memory."""
    dtype = _foreign_dtype(x)
    kind = f"jax {dtype}" if dtype else f"jax.{type(x).__name__}"
    if isinstance(x, sys.modules["jax"].core.Tracer):
        return Operand("jax", kind, dtype, traits=frozenset({Trait.NO_MEMORY}))
    places = sorted({_place(each) for each in x.devices()} if hasattr(x, "devices") else {"cpu"})
    device = ", ".join(places)
    return Operand("jax", kind if device == "cpu" else f"{kind} {device}", dtype, device, x.nbytes)


def _place(device: Any) -> str:
    """Return the device of jax as torch writes it. Those of the host are one memory."""
    if device.platform == "cpu":
        return "cpu"
    return f"{'cuda' if device.platform == 'gpu' else device.platform}:{device.id}"


def _of_tensorflow(x: Any) -> Operand:
    """Describe a tensor or a variable. Tensors of a function that is being traced have no memory."""
    if x.dtype.name in ("string", "resource", "variant"):  # asking these for their memory ends the process
        return Operand("tensorflow", TEXT_OF_TENSORFLOW, is_array=False)
    dtype, place = x.dtype.name, x.device.rpartition("device:")[2].lower()
    device = "cpu" if place in ("", "cpu:0") else place.replace("gpu", "cuda")
    kind = f"tensorflow {dtype}" + ("" if device == "cpu" else f" {device}")
    if not hasattr(type(x), "numpy"):
        return Operand("tensorflow", kind, dtype, device, traits=frozenset({Trait.NO_MEMORY}))
    traits = frozenset({Trait.VARIABLE}) if hasattr(x, "assign") else _NONE
    return Operand("tensorflow", kind, dtype, device, x.shape.num_elements() * x.dtype.size, traits)
