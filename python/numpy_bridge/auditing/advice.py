"""What to write instead of a call that copied, in the words of the line itself."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from .judging.operands import same_kind
from .source_line import argument, maker, whole

if TYPE_CHECKING:
    from .model import Conversion

CONDITION = "if neither side is written while the other is in use"
"""When sharing gives what copying gave."""

_LONGEST = 40
"""Longer arguments are not repeated: the advice has `x` for them."""

_CREATED = " with x created as "
_IN_MEMORY = " with x in "

_INDICES = {"argmax", "argmin", "argsort", "argpartition", "argwhere", "nonzero", "flatnonzero"}
_INDICES |= {"searchsorted", "digitize", "bincount", "count_nonzero", "lexsort"}
_TRUTHS = {"logical_and", "logical_or", "logical_xor", "logical_not", "isnan", "isinf", "isfinite"}
_TRUTHS |= {"isclose", "isin", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
_TRUTHS |= {"any", "all", "signbit", "iscomplex", "isreal", "isnat", "in1d", "packbits", "unpackbits"}
_FIXED_RANDOM = {"rand", "randn", "normal", "uniform", "random", "random_sample", "choice", "beta", "gamma"}
_FIXED_RANDOM |= {"exponential", "poisson", "binomial", "laplace", "permutation"}
_CANNOT = _INDICES | _TRUTHS
_CAN = {"zeros", "ones", "empty", "full", "zeros_like", "ones_like", "empty_like", "full_like", "arange"}
_CAN |= {"linspace", "logspace", "geomspace", "eye", "identity", "tri", "array", "asarray", "fromiter"}
_CAN |= {"loadtxt", "genfromtxt", "fromfile", "fromfunction", "astype", "random", "standard_normal"}
_CAN |= {"standard_exponential", "integers", "stack", "vstack", "hstack", "concatenate", "memmap"}


class Advice(NamedTuple):
    """What to do.

    Parameters
    ----------
    code : str
        The call that shares.
    first : str
        What has to be changed before: "create points as float32"; empty if nothing has to be.
    condition : str
        When that is right; empty if always.
    """

    code: str
    first: str = ""
    condition: str = CONDITION

    @property
    def short(self) -> str:
        """The advice without its condition."""
        return f"{self.first}, then {self.code}" if self.first else self.code

    def __str__(self) -> str:
        return f"{self.short} shares, {self.condition}" if self.condition else self.short


def advice_for(c: Conversion) -> Advice | None:
    """Return what to write at the line that made a conversion; None if nothing shares there.

    The argument is named as the line names it, and `x` if the line has several such calls. An array is to
    be created with another dtype only if the code that makes it can do that, as far as it can be seen.
    """
    if not c.alternative:
        return None
    if "bridge.dumps(" in c.alternative or "shared_empty" in c.alternative:
        return Advice(c.alternative, condition="")
    file, line = c.place.caller
    given = argument(file, line, c.call)
    code, _, memory = c.alternative.partition(_IN_MEMORY)
    if memory:
        return Advice(_named(code, given), f"create {_text(given)} in {_named(memory, given)}")
    code, _, dtype = code.partition(_CREATED)
    if not dtype:
        return Advice(_named(code, given))
    array = None if given is None else whole(given)
    able = None if array is None else _can_choose_dtype(maker(file, line, array))
    if not (same_kind(c.source.rpartition(" ")[2], dtype) if able is None else able):
        return None
    return Advice(_named(code, given), f"create {_text(array)} as {dtype}")


def _text(expression: ast.expr | None) -> str:
    """Return the source of an argument, or `x` if it is long."""
    text = "x" if expression is None else ast.unparse(expression)
    return text if len(text) <= _LONGEST else "x"


def _named(code: str, given: ast.expr | None) -> str:
    """Put an argument in the place of `x`."""
    text = _text(given)
    atom = text == "x" or isinstance(given, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
    found = re.match(r"(.*?\(|)x\b(\.|)", code)
    if found is None:
        return code
    before, dot = found.groups()
    return f"{before}{text if atom or not dot else f'({text})'}{dot}{code[found.end() :]}"


def _can_choose_dtype(made: ast.expr) -> bool | None:
    """Whether an expression can be told the dtype of its result; None if that is unknown."""
    if isinstance(made, ast.Compare):
        return False
    if not isinstance(made, ast.Call):
        return None
    *owner, name = ast.unparse(made.func).split(".")
    if name in _CANNOT or (name in _FIXED_RANDOM and owner[-1:] == ["random"]):
        return False
    return True if name in _CAN else None
