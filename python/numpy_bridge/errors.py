"""The exceptions of numpy_bridge."""

from __future__ import annotations


class SharingError(BufferError):
    """Memory cannot be shared, and why.

    Parameters
    ----------
    protocol : str
        Who refuses: "buffer", "DLPack", "pointer", "NumPy", "torch", or the type tried.
    field : str
        The part at fault: "strides", "dtype", "requires_grad", ...
    expected, got : str
        What would have been accepted, and what was there.
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
        line = f"{self.protocol}: {self.field}: expected {self.expected}, got {self.got}"
        return f"{line}; {self.hint}" if self.hint else line


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
        return f"{self.place}: {super().__str__()}"


class CudaError(RuntimeError):
    """A call to the CUDA runtime failed.

    Parameters
    ----------
    call : str
        The function that failed, or what was launched: "cudaMemcpyAsync", "launch of add_".
    name, text : str
        CUDA's name for the error, "cudaErrorInvalidValue", and its words.
    """

    def __init__(self, call: str, name: str, text: str) -> None:
        super().__init__(call, name, text)
        self.call = call
        self.name = name
        self.text = text

    def __str__(self) -> str:
        return f"{self.call}: {self.name}: {self.text}"


class TooHardError(RuntimeError):
    """Whether two memories overlap was not decided within bounded work."""
