"""The call that shares where a watched one copied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from numpy_bridge import _core, libraries
from numpy_bridge.tensors import unpinned_view

from . import jax_rule
from .calls import Call
from .operands import Operand, Trait

NOT_FOR_TORCH = {
    Trait.NEGATIVE_STRIDES: "torch has no negative strides",
    Trait.ODD_STRIDES: "torch's strides are whole elements",
    Trait.MISALIGNED: "torch needs aligned elements",
    Trait.SWAPPED: "torch has the machine's byte order only",
}
"""The traits of memory that torch cannot share, and why."""

NOT_FOR_NUMPY = {
    Trait.NEGATED: "NumPy has no negation bit",
    Trait.CONJUGATED: "NumPy has no conjugation bit",
    Trait.NOT_STRIDED: "the tensor is not strided",
}
"""The traits of memory that NumPy cannot share, and why."""

_TIMES = ("datetime64", "timedelta64")

_VALUES: dict[str, Callable[[Any], Any]] = {
    "x": lambda x: x,
    "x.data": lambda x: x.data,
    "x.detach()": lambda x: x.detach(),
    "x.value()": lambda x: x.value(),
}
"""The expressions of `_shareable`, and their values."""


_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "copy": (None, False),
    "device": (None, "cpu"),
    "dtype": (None,),
    "like": (None,),
    "ndmin": (0,),
    "order": (None, "K"),
    "pin_memory": (False,),
    "requires_grad": (False,),
    "subok": (False,),
}
"""Arguments that ask for nothing, by name."""


def alternative(
    call: Call, options: Mapping[str, object], source: object, given: Operand, made: Operand
) -> str:
    """Return a call with the argument `x` that shares; empty if there is none. Both are on one device.

    There is none if the call asks for more than the values in a dtype, as for a layout or for gradients, or
    has put the elements into another order. Calls of ours are tried on the argument itself: what can be
    shared is for the importer to say.
    """
    asked = asked_for(options)
    if asked.keys() - {"dtype"} or _arranges(call, given, made):
        return ""
    if made.library == "jax":
        return jax_rule.to_jax(_shareable(given), source, given, made)
    code = _alternative(given, made)
    if "dtype" in asked:
        code = _with_dtype(code, given, made)
    if not code.startswith("bridge."):
        return code
    for form in (code, code.replace("(x)", "(x, allow_readonly=True)")):
        if _shares(form, source):
            return form
    return ""


def asked_for(options: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments that ask for more than the values."""
    return {name: value for name, value in options.items() if not _is_neutral(name, value)}


def _is_neutral(name: str, value: object) -> bool:
    if name == "device" and value is not None:
        return str(value) == "cpu"
    return any(value is each or (isinstance(value, str) and value == each) for each in _NEUTRAL.get(name, ()))


def _arranges(call: Call, given: Operand, made: Operand) -> bool:
    """Whether a call has changed the order of the elements in memory."""
    if call.name == "asfortranarray":
        return Trait.NOT_CONTIGUOUS in given.traits | made.traits
    return Trait.NOT_CONTIGUOUS in given.traits - made.traits


def _with_dtype(code: str, given: Operand, made: Operand) -> str:
    """Keep the dtype that a call asks for: the next argument may have another one."""
    if given.library == libraries.PYTHON and given.dtype != made.dtype:
        return ""  # bytes that are converted one by one
    if code == "np.asarray(x)":
        name = f"np.{made.dtype}" if hasattr(np, made.dtype) else repr(made.dtype)
        return f"np.asarray(x, dtype={name})"
    if code == "bridge.to_torch(x)" and given.library == "numpy":
        return f"torch.as_tensor(x, dtype=torch.{made.dtype})"
    return code


def _shares(code: str, source: object) -> bool:
    expression = next(each for each in sorted(_VALUES, key=len, reverse=True) if f"({each}" in code)
    try:
        view = unpinned_view(_VALUES[expression](source))
        if code.startswith("bridge.to_torch"):
            _core.to_torch(view, allow_readonly="allow_readonly" in code)
        else:
            _core.to_numpy(view)
    except Exception:  # also those of the libraries
        return False
    return True


def _alternative(given: Operand, made: Operand) -> str:
    if made.is_array and given.library == made.library:
        return _alternative_within(given, made)
    if made.library == "torch":
        code = _to_torch(given)
    elif made.dtype.startswith(_TIMES):
        return "np.asarray(x)"
    elif made.library == "numpy" or (made.library == libraries.PYTHON and not made.is_array):
        code = _to_numpy(given)
    else:
        return ""
    return f"{code} with x created as {made.dtype}" if code and changes_dtype(given, made) else code


def changes_dtype(given: Operand, made: Operand) -> bool:
    """Whether values are converted. A buffer, which often holds mere bytes, may be read as any dtype."""
    known = made.is_array and given.library != libraries.PYTHON and given.dtype and made.dtype
    return bool(known) and given.dtype != made.dtype


def _alternative_within(given: Operand, made: Operand) -> str:
    if given.dtype != made.dtype:
        return ""
    return {"numpy": "np.asarray(x)", "torch": "x.detach()"}.get(made.library, "")


def _to_torch(given: Operand) -> str:
    if given.traits & set(NOT_FOR_TORCH) or not _torch_has(given.dtype):
        return ""
    readonly = Trait.READ_ONLY in given.traits or _lends_readonly(given.library)
    options = ", allow_readonly=True" if readonly else ""
    return f"bridge.to_torch({_shareable(given)}{options})"


def _lends_readonly(name: str) -> bool:
    """Whether arrays of a library are read-only, always or at times."""
    library = libraries.BY_NAME.get(name)
    return library is not None and (bool(library.immutable) or library.lends_readonly)


def _to_numpy(given: Operand) -> str:
    if given.traits & set(NOT_FOR_NUMPY) or given.device != "cpu":
        return ""
    if given.library == "torch" and not _numpy_has(given.dtype):
        return ""
    return f"bridge.to_numpy({_shareable(given)})"


def _shareable(given: Operand) -> str:
    """Return the expression with `x` whose value can be shared."""
    if Trait.VARIABLE in given.traits:
        return "x.value()"
    if Trait.MASKED in given.traits:
        return "x.data"
    return "x.detach()" if given.library == "torch" and Trait.REQUIRES_GRAD in given.traits else "x"


def _torch_has(dtype: str) -> bool:
    import torch

    return isinstance(getattr(torch, dtype, None), torch.dtype)


def _numpy_has(dtype: str) -> bool:
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return True
