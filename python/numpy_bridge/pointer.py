"""Memory at a raw address."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

if TYPE_CHECKING:
    from numpy_bridge.typing import CudaStream


def from_pointer(
    ptr: Any,
    shape: int | Sequence[int],
    dtype: Any,
    *,
    strides: int | Sequence[int] | None = None,
    device: Any = "cpu",
    owner: object = None,
    readonly: bool = False,
    stream: CudaStream | None = None,
) -> _core.View:
    """Describe memory at an address as a View.

    The memory is neither read nor checked. The caller guarantees that `shape` elements are there, and that
    they stay as long as `owner` lives. For memory on a CUDA device, CUDA is asked whether it knows the first
    and the last byte, if CUDA can be used.

    Parameters
    ----------
    ptr : int, ctypes pointer, ctypes.c_void_p, or capsule
        Address of the first element. Neither a ctypes pointer nor a capsule is kept alive; pass it,
        or what it points into, as `owner`.
    shape : int or sequence of int
        The extent of each axis.
    dtype : str or dtype
        A name ("float32", "bfloat16"), a typestr (">f4"), or a dtype of NumPy, ml_dtypes or torch.
    strides : int or sequence of int, optional
        Bytes from one element to the next along each axis; C order by default.
    device : str, torch.device, pair of int, or int, default "cpu"
        A name of DLPack ("cpu", "cuda:0", "cuda_host:0" for pinned memory, "cuda_managed:0", "metal:0") or of
        torch ("mps:0", "xpu:0", "hip:0"); what ``__dlpack_device__`` returns; or the index of a CUDA device.
    owner : object, optional
        Kept alive by the View and by everything made from it. Without an owner, the caller keeps the memory
        valid.
    readonly : bool, default False
        Whether the memory may not be written.
    stream : int or stream, optional
        The CUDA stream that the memory is used on; see `view`. Without one, work on the View is queued on the
        stream of the other operand, or on the legacy default stream.

    Returns
    -------
    View

    Raises
    ------
    SharingError
        If the description is impossible: NULL with elements, negative or overflowing extents or
        strides, an unknown dtype or device, memory that CUDA reports on another device, or a stream of 0, a
        negative one, or one for memory that is not on a CUDA device.
    TypeError
        If an argument has the wrong type.

    Examples
    --------
    >>> owner = np.arange(6, dtype="f4")
    >>> view = bridge.from_pointer(owner.ctypes.data, (2, 3), "float32", owner=owner)
    >>> bridge.to_numpy(view)[1, 0] = 50
    >>> owner.tolist()
    [0.0, 1.0, 2.0, 50.0, 4.0, 5.0]
    """
    extents = _integers("shape", shape)
    steps = None if strides is None else _integers("strides", strides)
    view = _core.from_pointer(
        _address(ptr), extents, _dtype_name(dtype), steps, _device(device), owner, bool(readonly), stream
    )
    if view.device != "cpu":
        _core.check_on_device(view)
    return view


_OF_TORCH = {"mps": "metal", "xpu": "oneapi", "hip": "rocm", "privateuseone": "extension"}
"""Names of torch for devices that have another name in DLPack."""

_CUDA = 2
"""The number of CUDA's devices in DLPack."""


def _device(device: Any) -> str | tuple[int, int]:
    """Return a name of DLPack, or its numbers of type and index. The core refuses unknown ones."""
    if device is None or isinstance(device, bool | np.bool_):
        raise TypeError(f"device: expected a name, a pair or an index, got {device!r}")
    if isinstance(device, tuple | list):
        if any(isinstance(part, str) for part in device):
            expected = "a name and an index such as 'cuda:0', or the pair of __dlpack_device__"
            raise TypeError(f"device: expected {expected}, got {device!r}")
        pair = _integers("device", device)
        if len(pair) == 2:
            return pair[0], pair[1]
    elif hasattr(type(device), "__index__"):
        return _CUDA, _integers("device", (device,))[0]
    name, colon, index = str(device).partition(":")
    return _OF_TORCH.get(name, name) + colon + index


def _integers(field: str, values: Any) -> tuple[int, ...]:
    """Read an integer or a sequence of integers. Sets and dicts have no order that a shape could have."""
    listed = values if isinstance(values, Iterable) else (values,)
    try:
        if isinstance(values, Set | Mapping):
            raise TypeError
        numbers = tuple(operator.index(value) for value in listed)
    except TypeError:
        raise TypeError(f"{field}: expected an integer or a sequence of integers, got {values!r}") from None
    if any(not -(2**63) <= number < 2**63 for number in numbers):
        raise SharingError("pointer", field, "64-bit integers", str(numbers))
    return numbers


def _address(ptr: Any) -> int:
    """Read the address that an integer, ctypes pointer or capsule stands for."""
    if isinstance(ptr, ctypes.c_void_p):
        return ptr.value or 0
    if isinstance(ptr, ctypes._Pointer):
        return ctypes.cast(ptr, ctypes.c_void_p).value or 0
    if type(ptr).__name__ == "PyCapsule":
        return _capsule_address(ptr)
    if isinstance(ptr, bool | ctypes._SimpleCData | ctypes.Array):
        raise _no_address(ptr)
    try:
        address = operator.index(ptr)
    except TypeError:
        raise _no_address(ptr) from None
    if not 0 <= address < 2 ** (8 * ctypes.sizeof(ctypes.c_void_p)):
        raise SharingError("pointer", "ptr", "an address that fits this machine", hex(address))
    return address


def _no_address(x: object) -> TypeError:
    kind = type(x)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    hint = ""
    if isinstance(x, np.ndarray):
        hint = "; use x.ctypes.data, or numpy_bridge.view(x)"
    elif hasattr(x, "data_ptr"):
        hint = "; use x.data_ptr(), or numpy_bridge.view(x)"
    elif isinstance(x, ctypes.Array):
        hint = "; use ctypes.addressof(x), or numpy_bridge.view(x)"
    return TypeError(f"ptr: expected an address (int) or a ctypes pointer, got {name}{hint}")


def _capsule_address(capsule: object) -> int:
    in_capsule = ctypes.pythonapi
    name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", in_capsule))
    name: bytes | None = name_of(capsule)
    if name is not None and b"dltensor" in name:
        raise SharingError(
            "pointer",
            "ptr",
            "a capsule that points to the elements",
            f"a DLPack capsule, {name.decode()!r}",
            "it points to a description of memory; pass the object that made it to numpy_bridge.view",
        )
    pointer_in = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", in_capsule)
    )
    address: int = pointer_in(capsule, name)  # never null
    return address


def _dtype_name(dtype: Any) -> str:
    """The name of a dtype, or a typestr. The core refuses unknown names."""
    if isinstance(dtype, str):
        return dtype
    if type(dtype).__module__ == "torch":
        return str(dtype).removeprefix("torch.")
    if dtype is None:
        raise TypeError("dtype must be given: a name such as 'float32' or a dtype")
    try:
        described = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"dtype: {error}") from None
    return str(described.name if described.isnative else described.str)
