"""What `__array_interface__` and `__cuda_array_interface__` may say wrongly, as data."""

from __future__ import annotations

from typing import Any

import numpy as np

from fake_interfaces import MISSING
from hostile import POISON, Lie
from support import MAX_NDIM

TOP, I64 = 2**64, 2**63
LIMIT = 2**57  # where the address space of a process ends, on any processor
REQUIRED = "the array interface requires this entry"
INTEGERS = "64-bit integers"
FIELDS = "share one field at a time, or the bytes: np.ascontiguousarray(x).view('u1')"
ON_DEVICE = "let its own library convert it to plain numbers first"
NO_MEMORY = "this object has a shape but no memory behind it"

Row = tuple[str, Lie]


def row(what: str, fields: dict[str, Any], *refusal: str) -> Row:
    return f"{what} is {next(iter(fields.values()))!r}"[:70], Lie(fields, *refusal)


# Extents and addresses: every protocol has them

NEGATIVE = [(-1,), (-6,), (-I64,), (2, -3), (0, -1), (-1, 0), (I64 - 1, -1), (1,) * 63 + (-1,)]
HUGE = [(2**61,), (I64 - 1,), (2**31, 2**31), (2**32, 2**32), (2**62, 3), (2,) * 62, (2,) * 64]
FAR = [((2**62,), (6,)), ((-(2**62),), (6,)), ((I64 - 1,), (2,)), ((-I64,), (2,)), ((2**61, 2**61), (3, 3))]
OUTSIDE = [((stride,), (2,)) for stride in (LIMIT, 2**62, -LIMIT, -(2**62))] + [((2**61, 4), (2, 3))]

EXTENTS: dict[str, Lie] = dict(
    [
        row("shape", {"shape": shape, "strides": None}, "shape", "non-negative extents", str(shape))
        for shape in NEGATIVE
    ]
    + [
        row(
            "shape",
            {"shape": shape, "strides": None},
            "shape",
            "a size in bytes below 2**63",
            f"{shape} of 4-byte elements",
        )
        for shape in HUGE
    ]
    + [
        row(
            "strides",
            {"strides": strides, "shape": shape},
            "strides",
            "strides that reach less than 2**63 bytes",
            f"{strides} for shape {shape}",
        )
        for strides, shape in FAR
    ]
    + [
        row(
            "strides",
            {"strides": strides, "shape": shape},
            "data",
            "elements inside the address space",
            "...",
        )
        for strides, shape in OUTSIDE
    ]
)

# The dictionaries

NO_NUMBERS: dict[Any, str] = {
    "|V0": FIELDS,
    "|O8": "the elements are Python objects, such as mixed or missing values; convert them to numbers first",
    "|t1": "libraries pack elements of less than a byte...",
}
NONSENSE = [
    "",
    "<",
    "<f",
    "f",
    "4",
    "<f0",
    "<f3",
    "<f5",
    "<i3",
    "<b4",
    "|b8",
    "<4f",
    "<f4 ",
    " <f4",
    "<<f4",
    "<f44",
]
NONSENSE += [
    "<f-4",
    "<f+4",
    "<f4.0",
    "<q8",
    "<d8",
    "float32",
    "<\N{SNOWMAN}4",
    "<f\N{SUPERSCRIPT FOUR}",
    "\0f4",
    "<f4\0",
]
NONSENSE += ["<f999", "<f" + "9" * 1000, "<" * 1000, "\ud800", "%s", "<f4\n"]
NO_TYPESTR = [5, 4.0, [], ("<f4",), {}, object, np.dtype("f4"), True, bytearray(b"<f4")]
NO_VERSION = ["3", 3.0, [3], True, None, b"3", object, 1j]
NO_TUPLE = [[6], 6, "6", {6}, {6: 6}, np.array([6]), range(6), 6.0, b"\6", True]
NO_INTEGERS = [
    (6.0,),
    ("6",),
    (None,),
    ([6],),
    (True,),
    (2**63,),
    (-(2**63) - 1,),
    (10**400,),
    (np.float64(6),),
]


def typestr_rows() -> list[Row]:
    one = "a plain number per element, such as '<f4'"
    rows = [
        row("typestr", {"typestr": text}, "typestr", one, "...", hint) for text, hint in NO_NUMBERS.items()
    ]
    rows += [row("typestr", {"typestr": text}, "typestr", one, "...", "...") for text in NONSENSE]
    rows += [
        row("typestr", {"typestr": each}, "typestr", "a type such as '<f4'", "...") for each in NO_TYPESTR
    ]
    return rows


def descr_rows() -> list[Row]:
    lists = [
        [],
        "<f4",
        ("", "<f4"),
        [("", "<f4")] * 2,
        ["<f4"],
        [("", "<f4", (2,))],
        [("<f4",)],
        {"": "<f4"},
        5,
    ]
    other = [("<f8", "float64"), ("<i4", "int32"), (">f4", ">f4"), ("|b1", "bool")]
    one = "a list of one field with the type of typestr"
    return [
        *(row("descr", {"descr": each}, "descr", one, "...", FIELDS) for each in lists),
        *(
            row("descr", {"descr": [("", text)]}, "descr", "the type of typestr, float32", name)
            for text, name in other
        ),
        *(
            row("descr", {"descr": [("", each)]}, "descr", "...", "...", "...")
            for each in (5, None, "<f3", "|V4", [("a", "<f4")])
        ),
    ]


def version_rows(oldest: int) -> list[Row]:
    wanted = "version 3" if oldest == 3 else "version 2 or 3"
    wrong = [-1, 0, 1, 4, 5, 2**31, I64 - 1, -I64] + ([2] if oldest == 3 else [])
    return [
        *(row("version", {"version": version}, "version", wanted, str(version)) for version in wrong),
        *(
            row(
                "version",
                {"version": each},
                "version",
                "version 3" if each is None else INTEGERS,
                "...",
                "...",
            )
            for each in [*NO_VERSION, 2**63, 10**400]
        ),
    ]


def extent_rows() -> list[Row]:
    rows = [row("shape", {"shape": each}, "shape", "a tuple of integers", "...") for each in NO_TUPLE]
    rows += [row("strides", {"strides": each}, "strides", "a tuple of integers", "...") for each in NO_TUPLE]
    rows += [row("shape", {"shape": each}, "shape", INTEGERS, "...") for each in NO_INTEGERS]
    rows += [row("strides", {"strides": each}, "strides", INTEGERS, "...") for each in NO_INTEGERS]
    rows += [
        row("strides", {"strides": each}, "strides", "1 byte strides", str(len(each)))
        for each in [(), (4, 4), (4,) * 64]
    ]
    merge = "merge some dimensions first"
    rows += [
        (
            f"{what} has {count} entries",
            Lie({what: (1,) * count}, "ndim", "0 to 64 dimensions", str(count), merge),
        )
        for what in ("shape", "strides")
        for count in (65, 1000)
    ]
    return rows


def pointer_rows() -> list[Row]:
    pair = "a pointer and a read-only flag"
    address = "an address that fits this machine"
    inside = "elements inside the address space"
    return [
        *(row("data", {"data": each}, "data", pair, "...") for each in [(), (1,), (1, False, 2), (None,)]),
        *(
            row("data", {"data": (each, False)}, "data", "an integer as pointer", "...")
            for each in ["8", 8.0, None, True, b"8", [8], object, 1j]
        ),
        *(
            row("data", {"data": (POISON, each)}, "data", "a bool as read-only flag", "...")
            for each in ["no", None, 0.0, [], object]
        ),
        *(row("data", {"data": (each, False)}, "data", address, "...") for each in [-1, -8, TOP, 10**400]),
        *(
            row("data", {"data": (each, False), "strides": (stride,)}, "data", inside, "address ...")
            for each, stride in [
                (TOP - 4, 4),
                (TOP - 1, 4),
                (8, -4),
                (2**40, -(2**40)),
                (TOP - 2**40, 2**40),
                (LIMIT - 20, 4),
                (LIMIT, 4),
                (I64, 4),
            ]
        ),
        row("data", {"data": (0, False)}, "data", "a pointer to 6 elements", "NULL", NO_MEMORY),
        row("data", {"data": (0, True), "shape": ()}, "data", "a pointer to 1 elements", "NULL", NO_MEMORY),
    ]


def missing_rows(*keys: str) -> list[Row]:
    return [
        (f"{key} is {word}", Lie({key: value}, key, "...", "nothing", REQUIRED))
        for key in keys
        for word, value in (("missing", MISSING), ("None", None))
    ]


def mask_rows() -> list[Row]:
    share = "share the data and the mask one by one"
    return [
        row("mask", {"mask": each}, "mask", "memory without a mask", "a mask", share)
        for each in (np.ones(6, bool), np.zeros(6, bool), 5, False, "mask", b"")
    ]


COMMON = [*typestr_rows(), *descr_rows(), *extent_rows(), *pointer_rows(), *mask_rows()]

DICTIONARY: dict[str, Lie] = EXTENTS | dict(
    [
        *COMMON,
        *version_rows(3),
        *missing_rows("version", "typestr", "shape"),
        *(
            row("offset", {"offset": each}, "offset", "no offset beside a pointer", str(each), "...")
            for each in (1, -1, 4, I64 - 1)
        ),
        *(row("offset", {"offset": each}, "offset", INTEGERS, "...") for each in ("4", 4.0, True, I64, [])),
        *(
            row("data", {"data": each}, "data", "a pointer or a buffer", "...")
            for each in (5, "text", [1, 2], 1.5, object(), {})
        ),
        *(
            (
                f"{len(data)} bytes of data, offset {offset}, strides {stride}",
                Lie(
                    {"data": data, "offset": offset, "strides": (stride,)},
                    "data",
                    "room for ...",
                    "... bytes",
                ),
            )
            for data, offset, stride in [
                (bytes(23), 0, 4),
                (bytes(24), 1, 4),
                (bytes(24), -1, 4),
                (bytes(24), 25, 4),
                (bytes(24), I64 - 1, 4),
                (bytes(24), -I64, 4),
                (bytes(24), 0, 8),
                (bytes(24), 0, -4),
                (bytes(24), 19, -4),
                (b"", 0, 4),
                (b"", 24, 4),
            ]
        ),
    ]
)


def on_device(row: Row) -> Row:
    """NumPy cannot help with memory of a GPU."""
    name, lie = row
    return name, lie._replace(hint=ON_DEVICE) if len(lie.hint) > 3 and lie.field in (
        "typestr",
        "descr",
    ) else lie


CUDA: dict[str, Lie] = EXTENTS | dict(
    [
        *map(on_device, COMMON),
        *version_rows(2),
        *missing_rows("version", "typestr", "shape", "data"),
        *(
            row("stream", {"stream": each}, "stream", "None, 1, 2 or a stream's handle", "...", "...")
            for each in (-1, -2, TOP, 10**400, "1", 1.0, True, [], object)
        ),
        row(
            "stream",
            {"stream": 0},
            "stream",
            "None, 1, 2 or a stream's handle",
            "0",
            "0 could mean either...",
        ),
        *(
            row("data", {"data": each}, "data", "a pointer and a read-only flag", "...")
            for each in (5, "text", [1, 2], bytes(24), bytearray(24), object())
        ),
    ]
)

# Neighbours that are true: entries or fields, and the values that they mean

VALUES = [0, 1, 2, 3, 4, 5]
TRUE_OF_BOTH: dict[str, tuple[dict[str, Any], Any]] = {
    "strides are missing": ({"strides": None}, VALUES),
    "strides are negative": ({"strides": (-4,), "first": 5}, VALUES[::-1]),
    "a stride is 0": ({"shape": (2, 3), "strides": (0, 4)}, [[0, 1, 2]] * 2),
    "an extent is 0": ({"shape": (0,), "strides": None}, []),
    "an extent is 1, its stride is huge": ({"shape": (1,), "strides": (2**60,)}, [0]),
    "0-d": ({"shape": (), "strides": None}, 0),
    "as many axes as NumPy has": ({"shape": (1,) * (MAX_NDIM - 1) + (6,), "strides": None}, None),
    "misaligned": ({"shape": (5,), "offset_of_data": 1}, None),
}
TRUE_DICTIONARIES: dict[str, tuple[dict[str, Any], Any]] = TRUE_OF_BOTH | {
    "strides are NumPy integers": ({"strides": (np.int64(4),)}, VALUES),
    "shape is NumPy integers": ({"shape": (np.uint8(6),)}, VALUES),
    "typestr is bytes": ({"typestr": b"<f4"}, VALUES),
    "typestr has '='": ({"typestr": "=f4"}, VALUES),
    "typestr is swapped": ({"typestr": ">f4"}, None),
    "descr says the same": ({"descr": [("", "<f4")]}, VALUES),
    "mask is None": ({"mask": None}, VALUES),
    "offset is 0": ({"offset": 0}, VALUES),
    "entries that nobody knows": ({"unknown": object(), "": 5}, VALUES),
}
