"""Whether a call shared or copied, decided by where the memory lies, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from numpy_bridge import _core, libraries
from numpy_bridge.outcome import Outcome

from . import jax_rule
from .addresses import Capsule, scalar_shares, share
from .alternative import NOT_FOR_NUMPY, NOT_FOR_TORCH, alternative, asked_for, changes_dtype
from .calls import Call
from .operands import TEXT_OF_TENSORFLOW, Operand, Trait, operand_of
from .transfers import Transfer, moved_bytes, transfer_of
from .transfers import reason as reason_of_transfer

_OURS = "bridge."
_LAYOUTS = ("memory_format", "order", "ndmin")
_NUMBERS = ("bool", "int", "float", "complex")


class Verdict(NamedTuple):
    """The outcome of a call, with the fields of a `Conversion`."""

    source: Operand
    result: Operand
    outcome: str
    nbytes: int
    reason: str
    alternative: str
    asked: bool
    transfer: Transfer | None = None


def judge(call: Call, options: Mapping[str, Any], source: Any, result: Any) -> Verdict:
    """Compare the memory of the argument and the result while both are alive.

    `options` are the other arguments of the call.
    """
    given, made = operand_of(source), operand_of(result)
    moves = given.device != made.device
    transfer = transfer_of(call, options, source, result, given, made) if moves else None
    if not made.is_array:  # a list, or a capsule
        made = made._replace(nbytes=given.nbytes, dtype=given.dtype, device=given.device)
    outcome, reason = _outcome(source, result, given, made)
    if outcome is not Outcome.COPIES:
        reason += call.note if outcome is Outcome.SHARES else ""
        return Verdict(given, made, outcome.past, made.nbytes, reason, "", asked=False)
    if reason:
        return Verdict(given, made, outcome.past, made.nbytes, reason, "", asked=True)
    explicit = _explicit(options)
    moved = transfer is not None
    values = not given.is_array or _is_number(made)
    placed = call.name == "device_put" and asked_for(options)
    asked = bool(call.asked or explicit or moved or values or placed or call.label.startswith(_OURS))
    reasons = _reasons(call, options, explicit, source, given, made, transfer)
    instead = "" if asked else alternative(call, options, source, given, made)
    nbytes = made.nbytes if transfer is None else moved_bytes(transfer, source, result, made)
    return Verdict(given, made, outcome.past, nbytes, "; ".join(reasons), instead, asked, transfer)


def _outcome(source: Any, result: Any, given: Operand, made: Operand) -> tuple[Outcome, str]:
    """Return the outcome and the reason for it; no reason for copies that `_reasons` explains."""
    if result is source:
        return Outcome.SHARES, "the argument itself is returned"
    if isinstance(source, Capsule) or made.kind == "PyCapsule":
        return _outcome_of_capsule(source, result, given, made)
    if isinstance(source, np.generic) and scalar_shares(source, result):
        return Outcome.SHARES, "the same memory"
    if not given.is_array or not made.is_array or given.device != made.device:
        return Outcome.COPIES, ""
    traits = given.traits | made.traits
    if Trait.NO_MEMORY in traits:
        return Outcome.UNKNOWN, "there is no memory"
    if Trait.NOT_STRIDED in traits:
        return Outcome.UNKNOWN, "the parts of a sparse tensor may be shared or copied"
    if made.nbytes == 0:
        return Outcome.SHARES, "there are no elements to copy"
    if given.device != "cpu" and "tensorflow" in (given.library, made.library):
        return Outcome.UNKNOWN, "TensorFlow shows memory of a device only as a copy on the host"
    return _outcome_by_address(source, result, given, made)


def _outcome_by_address(source: Any, result: Any, given: Operand, made: Operand) -> tuple[Outcome, str]:
    known = libraries.BY_NAME.get(given.library)
    if known is None or not known.cheap_to_ask:
        return Outcome.UNKNOWN, f"asking {given.kind} where its memory is might compute it anew"
    shared = None if known.lends_copies and made.library != "pyarrow" else share(source, result)
    if shared is None and given.library not in ("numpy", "torch", libraries.PYTHON):
        return Outcome.COPIES, f"{given.kind} has no memory to share: its values are put together"
    if shared is None:
        return Outcome.UNKNOWN, f"{made.kind} does not say where its memory is"
    if not shared:
        return Outcome.COPIES, ""
    if given.library == libraries.PYTHON and given.dtype != made.dtype:
        return Outcome.SHARES, f"its bytes are read as {made.dtype}"
    return Outcome.SHARES, "the same memory"


def _outcome_of_capsule(source: Any, result: Any, given: Operand, made: Operand) -> tuple[Outcome, str]:
    """Compare a capsule with the array that it was made of, or that was made of it."""
    if made.kind == "PyCapsule":
        capsule, array, memory = Capsule(_core.capsule_address(result) or 0), source, given
    else:
        capsule, array, memory = source, result, made
    if memory.nbytes == 0:
        return Outcome.SHARES, "there are no elements to copy"
    shared = share(capsule, array)
    if shared is None or not capsule.address:
        return Outcome.UNKNOWN, f"{memory.kind} or its capsule does not say where the memory is"
    return (Outcome.SHARES, "the same memory") if shared else (Outcome.COPIES, "")


def _explicit(options: Mapping[str, Any]) -> str:
    """Return the keyword that asks for a copy, "copy=True"; empty if there is none."""
    return next((f"{name}=True" for name in ("copy", "force") if options.get(name) is True), "")


def _reasons(
    call: Call,
    options: Mapping[str, Any],
    explicit: str,
    source: Any,
    given: Operand,
    made: Operand,
    transfer: Transfer | None,
) -> list[str]:
    reasons = [] if transfer is None else [reason_of_transfer(transfer)]
    if not given.is_array:
        return [*reasons, call.copies if call.registry else _no_block(given)]
    if _is_number(made):
        return reasons or [_no_block(made)]
    reasons += [f"{explicit} asks for it"] if explicit else []
    if transfer is None and made.library == "jax" and given.dtype == made.dtype:
        reasons += filter(None, [jax_rule.alignment_reason(source)])
    if changes_dtype(given, made):
        change = f"the dtype changes from {given.dtype} to {made.dtype}"
        reasons.append(jax_rule.dtype_reason(given, made) if made.library == "jax" else change)
    if given.dtype == made.dtype == "bool" and made.library == "pyarrow":
        reasons.append("Arrow keeps a bit for each bool")
    if call.copies and not explicit:
        reasons.append(call.copies)
    barriers = {"torch": NOT_FOR_TORCH, "numpy": NOT_FOR_NUMPY}.get(made.library, {})
    reasons += [why for trait, why in barriers.items() if trait in given.traits]
    if reasons:
        return reasons
    if Trait.NOT_CONTIGUOUS in given.traits - made.traits:
        return ["the result is contiguous, the source is not"]
    if given.library == "python":
        return [f"{call.label} reads its elements one by one"]
    layout = [f"{name}={options[name]} asks for it" for name in _LAYOUTS if name in asked_for(options)]
    if layout:
        return layout
    if made.library == "jax":
        return [f"{call.label} copies memory of {given.library}, even where jax could share it"]
    return [f"{call.label} copies from {given.library} here"]


def _is_number(memory: Operand) -> bool:
    return memory.kind in _NUMBERS or memory.kind.endswith(" scalar")


def _no_block(given: Operand) -> str:
    if _is_number(given):
        return "a number is a value, not a block of memory"
    if given.kind == TEXT_OF_TENSORFLOW:
        return "text is no block of numbers: its characters are converted"
    if given.library == "python":
        return "Python objects are not a block of memory: their values are converted"
    return "several arrays are no one block of memory: they are put together"
