"""The exceptions of numpy_bridge."""

from __future__ import annotations

import re
from collections.abc import Mapping

_TARGETS = ("jax", "tensorflow", "cupy", "mlx", "pyarrow", "polars", "pandas", "scipy", "awkward")
# As in csrc/engine/error.cpp, and those of numpy_bridge.targets and numpy_bridge.files
_FAILURES = {
    "buffer": "cannot share this through the buffer protocol",
    "NumPy": "NumPy cannot share this",
    "torch": "torch cannot share this",
    "CUDA": "cannot share this CUDA memory",
    "pointer": "from_pointer cannot describe this memory",
    "returned": "cannot return this array",
    "view": "view cannot share this",
    "add_": "add_ cannot use these operands",
    "copy_": "copy_ cannot use these operands",
    "pickle": "cannot send this to another process",
    "unpickle": "cannot rebuild what was sent",
    **{name: f"{name} cannot share this" for name in _TARGETS},
    "av": "cannot share this frame",
    "dims": "cannot order the axes",
    "empty": "empty cannot make this memory",
    "safetensors": "cannot open this safetensors file",
    "npy": "cannot open this .npy file",
    "Arrow IPC": "cannot open this Arrow file",
    "HDF5": "cannot open this HDF5 file",
    "zarr": "cannot open this zarr array",
    "numpy_op": "cannot make this call an operation",
    "tree": "trees cannot hold this",
}


_SHOWN = 20
"""Refusals that the text of a `TreeError` has."""


def _with_full_stop(text: str) -> str:
    return text if text.endswith(".") else f"{text}."


def _sentence(hint: str) -> str:
    """The hint with a full stop, and with a capital unless it starts with code."""
    starts_with_word = re.match(r"(a|[a-z]{2,})[,:;]?( |$)", hint)
    return _with_full_stop(hint[0].upper() + hint[1:] if starts_with_word else hint)


class SharingError(BufferError):
    """Memory cannot be shared, and why.

    Parameters
    ----------
    protocol : str
        The protocol, library or function that refuses: "buffer", "DLPack", "NumPy", "torch", ``"add_"``.
        The type of the object if it supports several protocols and none can share it.
    field : str
        The part at fault: "strides", "dtype", "requires_grad", ... "protocols" if several refused.
    expected, got : str
        What is accepted, and what was found.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, protocol: str, field: str, expected: str, got: str, hint: str = "") -> None:
        super().__init__(protocol, field, expected, got, hint)
        self.protocol = protocol
        self.field = field
        self.expected = expected
        self.got = got
        self.hint = hint

    def __str__(self) -> str:
        if self.field == "protocols":
            lines = [f"{self.protocol} cannot be shared:", *(f"  - {line}" for line in self.got.split("\n"))]
            return "\n".join([*lines, _sentence(self.hint)] if self.hint else lines)
        failure = _FAILURES.get(self.protocol, f"cannot share this through {self.protocol}")
        hint = f" {_sentence(self.hint)}" if self.hint else ""
        got = _with_full_stop(self.got)
        return f"{failure}: expected {self.expected}, got {got}{hint} [{self.protocol}.{self.field}]"


class TreeError(SharingError):
    """Arrays of a tree cannot be shared, and why. None of the others was.

    Each attribute of `SharingError` is that of the refusals if they agree, else "several". The hint is empty
    then.

    Parameters
    ----------
    refusals : mapping of str to SharingError
        The refusal of each leaf, by its path: an expression in which ``tree`` is the object passed.
    """

    def __init__(self, refusals: Mapping[str, SharingError]) -> None:
        each = [error.args for error in refusals.values()]
        agreed = [values[0] if len({*values}) == 1 else "" for values in zip(*each, strict=True)]
        protocol, field, expected, got = (value or "several" for value in agreed[:4])
        super().__init__(protocol, field, expected, got, agreed[4])
        self.args = (dict(refusals),)  # what pickling calls the class with
        self.refusals = dict(refusals)

    def __str__(self) -> str:
        lines = [f"{path}: {error}" for path, error in self.refusals.items()]
        if len(lines) == 1:
            return lines[0]
        more = len(lines) - _SHOWN
        rest = [f"  and {more} more, in the attribute refusals"] if more > 0 else []
        head = f"{len(lines)} arrays of the tree cannot be shared, and none was:"
        return "\n".join([head, *(f"  - {line}" for line in lines[:_SHOWN]), *rest])


class HiddenCopyError(SharingError):
    """A call inside `no_copies` has copied memory without being asked to.

    Parameters
    ----------
    place : str
        File and line of the call, as a traceback has them.
    call : str
        What was called: "torch.tensor".
    got : str
        What happened: how many bytes, from what to what, and why.
    hint : str
        What shares instead, where ``x`` is the argument; empty if nothing does.
    """

    def __init__(self, place: str, call: str, got: str, hint: str = "") -> None:
        super().__init__(call, "copy", "no copy", got, hint)
        self.args = (place, call, got, hint)  # what pickling calls the class with
        self.place = place

    def __str__(self) -> str:
        hint = self.hint or "the comment # numpy-bridge: allow at the line lets it pass"
        return f"{self.place}: {self.protocol} made a hidden copy: {self.got}; {hint}"


_STICKY = (
    *("cudaErrorAssert", "cudaErrorIllegalAddress", "cudaErrorIllegalInstruction", "cudaErrorInvalidPc"),
    *("cudaErrorInvalidAddressSpace", "cudaErrorMisalignedAddress", "cudaErrorHardwareStackError"),
    *("cudaErrorLaunchFailure", "cudaErrorLaunchTimeout", "cudaErrorECCUncorrectable"),
)
"""Errors of running kernels. All later calls of the process report them again."""

_CUDA_HINTS = {
    **dict.fromkeys(
        _STICKY,
        "earlier work may have caused it, of any library: set CUDA_LAUNCH_BLOCKING=1 to find the call, "
        "and start a new process",
    ),
    **dict.fromkeys(
        ("cudaErrorInvalidResourceHandle", "cudaErrorContextIsDestroyed"),
        "the stream may have been destroyed, or be one of another device: keep the stream object alive "
        "while its memory is used",
    ),
}


class CudaError(RuntimeError):
    """A call to the CUDA runtime failed.

    Parameters
    ----------
    call : str
        The function that failed, or what was launched: "cudaMemcpyAsync", ``"launch of add_"``.
    name, text : str
        CUDA's name for the error, "cudaErrorInvalidValue", and its words.

    Attributes
    ----------
    hint : str
        What to do about it, for errors that may not come from this call; empty for others.
    """

    def __init__(self, call: str, name: str, text: str) -> None:
        super().__init__(call, name, text)
        self.call = call
        self.name = name
        self.text = text
        self.hint = _CUDA_HINTS.get(name, "")

    def __str__(self) -> str:
        error = f"{self.call}: {self.name}: {self.text}"
        return f"{error}. {_sentence(self.hint)}" if self.hint else error


class TooHardError(RuntimeError):
    """The work to decide whether two memories overlap exceeded its limit."""
