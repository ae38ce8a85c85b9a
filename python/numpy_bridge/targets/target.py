"""A row of the table of targets: what one library shares, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .composite import Compose
from .memory import aligned, is_packed, values_of
from .missing import refuse_missing

COPY = "pass copy=None to copy the values once"
NUMBERS = frozenset(
    (
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float16", "float32", "float64"),
    )
)
"""The dtypes that every target has."""

_ORDERS = {
    "forward": "strides of 0 or more",
    "packed": "strides of elements without gaps",
    "C": "strides of C order",
}


def _listed(dtypes: frozenset[str]) -> str:
    *most, last = sorted(dtypes)
    return f"{', '.join(most)} or {last}"


def check_device(name: str, found: str, asked: str) -> None:
    """Raise unless memory is on the device that was asked for. "cuda" stands for any one of CUDA."""
    if asked not in (found, found.partition(":")[0]):
        hint = "move it there first, with the library that it belongs to"
        raise SharingError(name, "device", f"memory on {asked}", f"memory on {found}", hint)


def device_of(x: Any) -> str:
    """Return where the memory of an array is: "cpu", "cuda:0"."""
    return str(_core.describe(x)["device"])


@dataclass(frozen=True)
class Conversion:
    """A library that the core converts to: by `to_numpy` or `to_torch`.

    Parameters
    ----------
    name : str
        The library, as in `numpy_bridge.libraries`.
    function : callable
        Converts an object, as its `copy` says.
    compose : mapping, optional
        For each kind of parts, what makes an object of the library over them.
    lenient : callable, optional
        The same as `function`, but it shares read-only memory that `function` refuses.
    """

    name: str
    function: Callable[..., Any]
    empty: None = None
    alignment: int = 1
    compose: Compose | None = None
    lenient: Callable[..., Any] | None = None

    def convert(
        self,
        x: Any,
        copy: bool | None,
        device: str | None,
        allow_mutable: bool = False,
        allow_readonly: bool = False,
    ) -> Any:
        """Share `x`, or copy it as `copy` says."""
        try:
            result = (self.lenient if allow_readonly and self.lenient else self.function)(x, copy=copy)
        except SharingError:
            refuse_missing(x)
            raise
        if copy is not False:
            refuse_missing(x)
        if device is not None:
            check_device(self.name, device_of(result), device)
        return result


@dataclass(frozen=True)
class Target:
    """A library that memory is shared with.

    Parameters
    ----------
    name : str
        The library, as in `numpy_bridge.libraries`.
    share : callable
        Makes the library's array over a View that has passed all checks.
    address : callable
        Returns the address of the first element of such an array.
    is_own : callable
        Whether an object is such an array already. Raises for arrays that have no memory.
    dtypes : frozenset of str
        The dtypes that are shared as they are.
    refuse : callable, optional
        Raises for what a copy would not change: a mode of the library, a number of axes.
    order : {"any", "forward", "packed", "C"}, optional
        The layouts that are shared: all, those without negative strides, those without gaps, or C order.
    alignment : int, optional
        Bytes that the address must be a multiple of.
    aligned_to_itemsize : bool, optional
        Whether the address must be a multiple of the itemsize instead.
    immutable : bool, optional
        Whether the library relies on memory that does not change.
    devices : tuple of str, optional
        The kinds of devices whose memory is shared.
    copied : callable, optional
        Makes the library's own copy of a View. For libraries that do not share the memory of the host.
    copy_own : callable, optional
        Copies an array of the library with all that it holds besides values: names, labels, missing ones.
        Without it, the values are copied.
    device_of : callable, optional
        Returns the device of an array of the library.
    empty : callable, optional
        Makes new memory of a shape and dtype. For the same libraries.
    compose : mapping, optional
        For each kind of parts, what makes an object of the library over them.
    """

    name: str
    share: Callable[[_core.View], Any]
    address: Callable[[Any], int]
    is_own: Callable[[Any], bool]
    dtypes: frozenset[str]
    refuse: Callable[[_core.View], None] | None = None
    order: str = "any"
    alignment: int = 1
    aligned_to_itemsize: bool = False
    immutable: bool = False
    devices: tuple[str, ...] = ("cpu",)
    copied: Callable[[_core.View], Any] | None = None
    copy_own: Callable[[Any], Any] | None = None
    device_of: Callable[[Any], str] = device_of
    empty: Callable[[tuple[int, ...], str], Any] | None = None
    compose: Compose | None = None

    def convert(
        self,
        x: Any,
        copy: bool | None,
        device: str | None,
        allow_mutable: bool = False,
        allow_readonly: bool = False,
    ) -> Any:
        """Share `x`, or copy it as `copy` says."""
        own = self.is_own(x)
        if copy is True and not own:
            return self._copied(x, device)
        try:
            if not own:
                return self._shared(_core.view(x), device, allow_mutable)
            if device is not None:
                check_device(self.name, self.device_of(x), device)
        except SharingError:
            if copy is False:
                refuse_missing(x)
                raise
            return self._copied(x, device)
        if not copy:
            return x
        if self.copy_own is None:
            return self._copied(x, device)
        return self._called(self.copy_own, x, "that it copies its own array")

    def check(self, view: _core.View) -> None:
        """Raise for what no copy would change."""
        if view.dtype not in self.dtypes:
            if view.dtype.startswith((">", "<")):
                hint = "convert it first: x.astype(x.dtype.newbyteorder('='))" if self.copied else COPY
                raise self.refusal("byte order", "the machine's own byte order", view.dtype, hint)
            expected = f"a dtype that {self.name} has"
            raise self.refusal("dtype", expected, view.dtype, f"convert it to {_listed(self.dtypes)}")
        if self.refuse is not None:
            self.refuse(view)

    def new(self, like: _core.View, align: int) -> _core.View:
        """Return new memory of the library, with the shape and dtype of `like`, at a multiple of `align`."""
        assert self.empty is not None
        self.check(like)
        made = _core.view(self.empty(like.shape, like.dtype))
        if made.ptr % align:
            off = made.ptr & -made.ptr
            expected = f"an address that is a multiple of {align} bytes"
            hint = f"pass a smaller align: {self.name} decides on addresses itself"
            raise self.refusal("alignment", expected, f"a multiple of {off}", hint)
        return made

    def refusal(self, field: str, expected: str, got: str, hint: str = "") -> SharingError:
        """Return the error that says why this library cannot share."""
        return SharingError(self.name, field, expected, got, hint)

    def _shared(self, view: _core.View, device: str | None, allow_mutable: bool) -> Any:
        if device is not None:
            check_device(self.name, view.device, device)
        if view.device not in self.devices and view.device.partition(":")[0] not in self.devices:
            hint = COPY if view.device == "cpu" else "pass copy=None and device='cpu' to copy it to the host"
            expected = f"memory on {' or '.join(self.devices)}"
            raise self.refusal("device", expected, f"memory on {view.device}", hint)
        self.check(view)
        if not view.nbytes:
            on_host = view.device == "cpu"
            return self._proved(aligned(view.shape, view.dtype, self.alignment) if on_host else view)
        if self.order != "any" and not self._in_order(view):
            raise self.refusal("strides", _ORDERS[self.order], f"{view.strides} bytes", COPY)
        alignment = view.itemsize if self.aligned_to_itemsize else self.alignment
        if view.ptr % alignment:
            off = view.ptr & -view.ptr
            expected = f"an address that is a multiple of {alignment} bytes"
            hint = f"{COPY}, or make the memory with numpy_bridge.empty({view.shape}, {view.dtype!r})"
            raise self.refusal("alignment", expected, f"a multiple of {off}", hint)
        if self.immutable and not (allow_mutable or view.readonly):
            hint = f"{COPY}, or pass allow_mutable=True and write only while nothing reads the result"
            expected = "read-only memory, since its arrays must never change"
            raise self.refusal("readonly", expected, "writable memory", hint)
        return self._proved(view)

    def _in_order(self, view: _core.View) -> bool:
        if self.order == "forward":
            return all(stride >= 0 for stride in view.strides)
        return is_packed(view, any_order=self.order == "packed")

    def _copied(self, x: Any, device: str | None) -> Any:
        values = values_of(x)
        refuse_missing(x)
        if self.copied is not None:
            self.check(values)
            result = self.copied(values)
            if device is not None:
                check_device(self.name, self.device_of(result), device)
            return result
        target = device or values.device
        if target != "cpu":
            hint = "share it and copy the result with the library, or pass device='cpu'"
            raise self.refusal("device", "a copy on the host", f"a copy on {target}", hint)
        memory = aligned(values.shape, values.dtype.lstrip("<>"), max(self.alignment, 64))
        self.check(memory)
        _core.copy_(memory, values)
        return self._proved(memory)

    def _proved(self, view: _core.View) -> Any:
        """Make the library's array, and compare its address."""
        result = self._called(self.share, view, "that it takes this memory")
        if view.nbytes and (address := self.address(result)) != view.ptr:
            expected, got = f"an array at {view.ptr:#x}", f"a copy at {address:#x}"
            hint = "this version of the library copies silently; call it directly if a copy will do"
            raise self.refusal("address", expected, got, hint)
        return result

    def _called(self, function: Callable[[Any], Any], x: Any, expected: str) -> Any:
        """Call a function of the library. Its errors become refusals."""
        try:
            return function(x)
        except SharingError:
            raise
        except Exception as error:
            got = f"{type(error).__name__}: {' '.join(str(error).split())}"
            raise self.refusal("call", expected, got) from error
