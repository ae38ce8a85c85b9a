"""What is known of an array at a glance, whatever its library. Nothing is imported, pinned, read or kept."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

LIBRARIES = {"jaxlib": "jax", "numpy_bridge": "bridge"}
"""Libraries whose types live in a module of another name."""

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
        "misaligned", "swapped", "requires grad", "negated", "conjugated", "not strided".
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
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, getattr(torch, "Tensor", ())):
        with torch._C.DisableTorchFunction():  # modes and subclasses of the program see none of our questions
            return _of_tensor(x)
    if isinstance(x, np.ndarray):
        return _of_ndarray(x)
    library = _library(x)
    if library == "python":
        return _of_python_object(x)
    return _of_foreign(x, library)


def _of_tensor(x: Any) -> Memory:
    dtype, device = str(x.dtype).removeprefix("torch."), str(x.device)
    kind = f"torch {dtype}" + ("" if device == "cpu" else f" {device}")
    tests = {
        "requires grad": x.requires_grad,
        "negated": x.is_neg(),
        "conjugated": x.is_conj(),
        "not strided": str(x.layout) != "torch.strided",
    }
    if not tests["not strided"]:
        tests["not contiguous"] = not x.is_contiguous()
    traits = frozenset(name for name, holds in tests.items() if holds)
    return Memory("torch", kind, dtype, device, x.numel() * x.element_size(), traits)


def _of_ndarray(x: np.ndarray[Any, Any]) -> Memory:
    tests = {
        "read-only": not x.flags.writeable,
        "not contiguous": not x.flags.c_contiguous,
        "negative strides": any(
            step < 0 and extent > 1 for step, extent in zip(x.strides, x.shape, strict=True)
        ),
        "odd strides": x.itemsize > 0 and any(step % x.itemsize for step in x.strides),
        "misaligned": not x.flags.aligned,
        "swapped": not x.dtype.isnative,
    }
    traits = frozenset(name for name, holds in tests.items() if holds)
    name = x.dtype.name
    return Memory("numpy", f"numpy {name}", name, "cpu", x.nbytes, traits)


def _library(x: object) -> str:
    root = type(x).__module__.partition(".")[0]
    if root in sys.stdlib_module_names or isinstance(x, np.generic):
        return "python"
    if any(hasattr(type(x), protocol) for protocol in _PROTOCOLS) or root in ("jax", "jaxlib", "pyarrow"):
        return LIBRARIES.get(root, root)
    return "python"


def _of_python_object(x: Any) -> Memory:
    name = type(x).__name__
    try:
        with memoryview(x) as buffer:
            if isinstance(x, np.generic):
                raise TypeError
            traits = frozenset({"read-only"} if buffer.readonly else ())
            dtype = _buffer_dtype(buffer.format or "B")
            return Memory("python", name, dtype, "cpu", buffer.nbytes, traits)
    except (TypeError, BufferError, ValueError, NotImplementedError):
        return Memory("python", _in_words(x), nbytes=0, is_array=False)


def _buffer_dtype(format: str) -> str:
    try:
        return np.dtype(format).name
    except TypeError:
        return "uint8"


def _in_words(x: Any) -> str:
    """Name a sequence by its first element: a list of arrays is another matter than a list of numbers."""
    if isinstance(x, np.generic):
        return f"numpy {x.dtype.name} scalar"
    name = type(x).__name__
    if not isinstance(x, list | tuple) or not x:
        return name
    first = x[0]
    if isinstance(first, np.ndarray) or hasattr(type(first), "__dlpack__"):
        return f"{name} of {_library_of_array(first)} arrays"
    return f"{name} of {type(first).__name__}"


def _library_of_array(x: object) -> str:
    root = type(x).__module__.partition(".")[0]
    return LIBRARIES.get(root, root)


def _of_foreign(x: Any, library: str) -> Memory:
    dtype = str(getattr(x, "dtype", ""))
    kind = f"{library} {dtype}".strip() if dtype else f"{library}.{type(x).__name__}"
    nbytes = getattr(x, "nbytes", 0)
    device = str(x.device) if library == "bridge" else "cpu"
    return Memory(library, kind, dtype, device, nbytes if isinstance(nbytes, int) else 0)
