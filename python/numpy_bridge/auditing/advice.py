"""What to write instead of a call that copied, in the words of the line itself."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, NamedTuple

from .judging.operands import same_kind
from .judging.transfers import TO_DEVICE, TO_HOST
from .source_line import argument, call_at, maker, whole

if TYPE_CHECKING:
    from .model import Conversion

CONDITION = "if neither array is written while the other is in use"
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
    effect : str
        What the call does; empty if that goes without saying.
    """

    code: str
    first: str = ""
    condition: str = CONDITION
    effect: str = "shares"

    @property
    def short(self) -> str:
        """The advice without its condition."""
        return f"{self.first}, then {self.code}" if self.first else self.code

    def __str__(self) -> str:
        words = f"{self.short} {self.effect}".rstrip()
        return f"{words}, {self.condition}" if self.condition else words


def advice_for(c: Conversion) -> Advice | None:
    """Return what to write at the line that made a conversion; None if nothing shares there.

    The argument is named as the line names it, and `x` if the line has several such calls. An array is to
    be created with another dtype only if the code that makes it can do that, as far as it can be seen.
    """
    if c.transfer is not None:
        return _advice_for_transfer(c)
    if not c.alternative:
        return None
    if "bridge.dumps(" in c.alternative or "shared_empty" in c.alternative:
        return Advice(c.alternative, condition="", effect="")
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


READ = "if the source is not written before the device has read it"
SYNCHRONIZED = "if you call torch.cuda.synchronize() before you read the result"
LATER = "if the number is not needed at once"
"""When the host need not wait for a transfer."""

_GOES_ON = "does not make the host wait"


def _advice_for_transfer(c: Conversion) -> Advice | None:
    """Return a call after which the host goes on, or which moves less; None if it is not known to help.

    Calls that torch makes for the line, as in ``Module.to``, get no advice.
    """
    moved, where = c.transfer, (*c.place.caller, c.call)
    given, call = argument(*where), call_at(*where)
    named = isinstance(given, ast.Name | ast.Attribute | ast.Subscript)
    if not (moved and moved.waits and named and call) or (c.place.through and not c.place.in_library):
        return None
    method, name = c.call.rpartition(".")[2], _text(given)
    if moved.direction == TO_DEVICE and method in ("to", "cuda", "copy_"):
        dtype, before = c.result.split()[1], c.source.split()[1]
        plain = {each.arg for each in call.keywords} <= {"device", "dtype", "non_blocking"}
        if method == "to" and plain and not moved.non_blocking and _bits(dtype) > _bits(before):
            code = f"{name}.to({moved.target!r}).to(torch.{dtype})"
            return Advice(code, condition="", effect=f"moves {before} instead of {dtype}")
        first = "" if moved.pinned else f"create {name} in pinned memory"
        return Advice(_without_blocking(call), first, READ, _GOES_ON)
    if moved.direction != TO_HOST or c.times == 1:
        return None
    if method == "item":
        return Advice(f"{name}.detach()", f"keep {name} on the device", LATER, _GOES_ON)
    if method in ("to", "cpu"):
        return Advice(f"{name}.to('cpu', non_blocking=True)", "", SYNCHRONIZED, _GOES_ON)
    return None


def _without_blocking(call: ast.Call) -> str:
    """Return the source of a call with ``non_blocking=True``."""
    others = [each for each in call.keywords if each.arg != "non_blocking"]
    added = ast.keyword("non_blocking", ast.Constant(value=True))
    return ast.unparse(ast.Call(call.func, call.args, [*others, added]))


def _bits(dtype: str) -> int:
    """Return the size of a dtype by its name: those without a number are bools."""
    return int(re.sub(r"\D", "", dtype.partition("_")[0]) or 8)


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
    if isinstance(made, ast.Compare) or (isinstance(made, ast.Attribute) and made.attr == "values"):
        return False
    if not isinstance(made, ast.Call):
        return None
    *owner, name = ast.unparse(made.func).split(".")
    if name in _CANNOT or (name in _FIXED_RANDOM and owner[-1:] == ["random"]):
        return False
    return True if name in _CAN else None
