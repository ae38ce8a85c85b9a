"""The table of calls that copy within one library, which only the program's own lines are watched for.

They are disjoint from the calls of `judging.calls`, so that no copy is counted twice.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

from ..judging.calls import Call

SUBSCRIPT = "[]"
"""The name of `x[...]`."""

_PICKED = "the elements are picked by an index, into new memory"
_REPEATED = "the elements are repeated in new memory"
_JOINED = "the arrays are put together in new memory"
_CHOSEN = "the elements of both are put together in new memory"
_MOVED = "the elements are arranged anew, in new memory"
_REPLACED = "all elements are copied, and some of them replaced"
_PADDED = "the elements are copied into larger memory"
_BYTES = "bytes hold a copy"
_LIST = "a list holds Python objects"
_NO_STRIDES = "no strides describe the new shape, so its elements are copied together"
_COLUMNS = "the columns are put together in one array"


def _always(name: str) -> str:
    return f"{name} always copies"


_FLIPS = ("flip", "fliplr", "flipud", "rot90", "roll")
_REPLACING = ("masked_fill", "masked_scatter", "index_fill", "index_copy", "index_put", "scatter")

_ASKED_METHODS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("numpy", "ndarray"): {
        "astype": "",
        "copy": _always("copy"),
        "flatten": _always("flatten"),
        "tolist": _LIST,
        "tobytes": _BYTES,
        **dict.fromkeys(("take", "compress", "choose", SUBSCRIPT), _PICKED),
        "repeat": _REPEATED,
    },
    ("torch", "Tensor"): {
        **dict.fromkeys(("repeat", "repeat_interleave", "tile"), _REPEATED),
        **dict.fromkeys(("index_select", "masked_select", "gather", "take", SUBSCRIPT), _PICKED),
        "where": _CHOSEN,
        **dict.fromkeys(_FLIPS, _MOVED),
        **dict.fromkeys(_REPLACING, _REPLACED),
        "pin_memory": "pinned memory is new memory",
    },
    ("builtins", "memoryview"): {"tobytes": _BYTES, "tolist": _LIST},
    ("PIL", "Image"): {"tobytes": _BYTES},
}

_HIDDEN_METHODS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("numpy", "ndarray"): dict.fromkeys(("reshape", "ravel"), _NO_STRIDES),
    ("torch", "Tensor"): dict.fromkeys(("reshape", "flatten", "ravel"), _NO_STRIDES),
    ("pandas", "DataFrame"): dict.fromkeys(("to_numpy", "values"), _COLUMNS),
    ("pandas", "Series"): dict.fromkeys(("to_numpy", "values"), "the values are converted"),
    ("pandas", "Index"): dict.fromkeys(("to_numpy", "values"), "the values are converted"),
}

_MOVING_METHODS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("torch", "Tensor"): ("copy_", "item"),
    ("cupy", "ndarray"): ("get", "item", "tolist"),
}

OF_CUPY = frozenset({"get"})
"""Names that are too common to be looked for in modules without CuPy: dicts have them."""

ONLY_MOVING = frozenset({"copy_", "item", "get"})
"""Names that no other call has: they need not be looked up before there is memory on a device."""

PROPERTIES = frozenset({"values"})
"""Names that are read rather than called."""

_STACKS = ("stack", "hstack", "vstack", "dstack", "column_stack")

_ASKED_FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "numpy": {
        **dict.fromkeys((*_STACKS, "concatenate", "concat", "block", "append", "insert"), _JOINED),
        **dict.fromkeys(("repeat", "tile", "resize"), _REPEATED),
        **dict.fromkeys(("take", "take_along_axis", "compress", "extract", "delete"), _PICKED),
        **dict.fromkeys(("where", "select", "choose"), _CHOSEN),
        "roll": _MOVED,
        "pad": _PADDED,
    },
    "torch": {
        **dict.fromkeys((*_STACKS, "row_stack", "cat", "concat", "concatenate"), _JOINED),
        **dict.fromkeys(("repeat_interleave", "tile"), _REPEATED),
        **dict.fromkeys(("index_select", "masked_select", "gather", "take", "take_along_dim"), _PICKED),
        "where": _CHOSEN,
        **dict.fromkeys(_FLIPS, _MOVED),
        **dict.fromkeys(_REPLACING, _REPLACED),
        "clone": _always("clone"),
    },
    "torch.nn.functional": {"pad": _PADDED},
    "torch.nn.utils.rnn": {"pad_sequence": _JOINED},
}

_HIDDEN_FUNCTIONS: Mapping[str, Mapping[str, str]] = {
    "numpy": dict.fromkeys(("reshape", "ravel"), _NO_STRIDES),
    "torch": dict.fromkeys(("reshape", "flatten", "ravel"), _NO_STRIDES),
    "PIL.Image": {"fromarray": "Pillow keeps the pixels of this mode in an order of its own"},
}

_SHORT = {"numpy": "np", "PIL.Image": "Image", "torch.nn.functional": "F", "torch.nn.utils.rnn": "rnn"}

_SECOND = ("where", "select", "choose")
"""Functions whose first argument chooses among the others."""


def _methods() -> Iterator[tuple[tuple[str, str], str, Call]]:
    for asked, table in ((True, _ASKED_METHODS), (False, _HIDDEN_METHODS)):
        for kind, names in table.items():
            for name, reason in names.items():
                label = f"{kind[1]}{name}" if name == SUBSCRIPT else f"{kind[1]}.{name}"
                yield kind, name, Call(kind[0], name, label, copies=reason, asked=asked, own_lines=True)
    for kind, moving in _MOVING_METHODS.items():
        for name in moving:
            label = f"{'cupy.' if kind[0] == 'cupy' else ''}{kind[1]}.{name}"
            call = Call(kind[0], name, label, asked=True, own_lines=True, moves=True)
            yield kind, name, replace(call, parameter="other", position=1) if name == "copy_" else call


def _functions() -> Iterator[tuple[str, str, Call]]:
    for asked, table in ((True, _ASKED_FUNCTIONS), (False, _HIDDEN_FUNCTIONS)):
        for module, names in table.items():
            for name, reason in names.items():
                label = f"{_SHORT.get(module, module)}.{name}"
                position = 1 if name in _SECOND else 0
                call = Call(module, name, label, "", reason, asked, position=position, own_lines=True)
                yield module, name, call


METHODS: dict[tuple[str, str], dict[str, Call]] = {}
"""The calls of each class, by its library and its name."""

FUNCTIONS: dict[str, dict[str, Call]] = {}
"""The calls of each module."""

for _kind, _name, _call in _methods():
    METHODS.setdefault(_kind, {})[_name] = _call
for _module, _name, _call in _functions():
    FUNCTIONS.setdefault(_module, {})[_name] = _call

NAMES = frozenset(name for calls in (*METHODS.values(), *FUNCTIONS.values()) for name in calls)
"""The names that rewriting looks for."""


_NO_CALLS: Mapping[str, Call] = {}

_PLAIN = (dict, list, tuple, str, int, float, bool, bytes, set, type(None))

without_calls = set(map(id, _PLAIN))
"""The classes that have no calls, by `id`: classes of the program may not have a hash.

Those of objects that can be called are missing: such an object may be one of the functions.
"""

_by_class: dict[int, tuple[object, Mapping[str, Call]]] = {}
"""The calls of all other classes that are known, by `id`."""


def calls_of(kind: type) -> Mapping[str, Call]:
    """Return the calls of a class by name: those of the first base that has any. No class is kept alive."""
    known = _by_class.get(id(kind))
    if known is not None:
        return known[1]
    calls = next(filter(None, map(_own_calls, kind.__mro__)), _NO_CALLS)
    number, forget, forget_too = id(kind), _by_class.pop, without_calls.discard  # for the end of Python

    def died(_: object) -> None:
        forget(number, None)
        forget_too(number)

    _by_class[number] = weakref.ref(kind, died), calls
    if not calls and not any("__call__" in vars(base) for base in kind.__mro__):
        without_calls.add(number)
    return calls


def _own_calls(kind: type) -> Mapping[str, Call]:
    """Return the calls of the table's own classes."""
    module: Any = kind.__module__  # anything in classes of the program
    library = module.partition(".")[0] if type(module) is str else ""
    return METHODS.get((library, kind.__name__), _NO_CALLS)


def calls_of_module(module: ModuleType) -> Mapping[str, Call]:
    """Return the calls of a module by name."""
    name = vars(module).get("__name__")
    return FUNCTIONS.get(name, _NO_CALLS) if type(name) is str else _NO_CALLS
