"""What the structure behind `__array_struct__` may say wrongly, as data."""

from __future__ import annotations

from typing import Any

from fake_interfaces import HAS_DESCR, NOT_SWAPPED, WRITEABLE
from hostile import POISON, Lie
from hostile_interfaces import EXTENTS, I64, LIMIT, NO_MEMORY, TOP, TRUE_OF_BOTH, VALUES, row

STRUCT: dict[str, Lie] = EXTENTS | dict(
    [
        *(
            row("two", {"two": each, "shape": POISON}, "two", "2 in the first field", str(each), "...")
            for each in (0, 1, 3, -2, 2**31 - 1)
        ),
        *(
            row(
                "nd",
                {"nd": each, "shape": POISON, "strides": POISON},
                "ndim",
                "0 to 64 dimensions",
                str(each),
                "...",
            )
            for each in (-1, 65, 2**31 - 1, -(2**31))
        ),
        *(
            row("kind", {"kind": each, "shape": POISON}, "typekind", "a number", "4 bytes of kind ...", "...")
            for each in (
                b"V",
                b"U",
                b"S",
                b"O",
                b"M",
                b"m",
                b"t",
                b"T",
                b"q",
                b"\0",
                b"\xff",
                b"\n",
                b" ",
                b"b",
                b"c",
            )
        ),
        *(
            row(
                "itemsize",
                {"itemsize": each, "shape": POISON},
                "typekind",
                "a number",
                f"{each} bytes...",
                "...",
            )
            for each in (-(2**31), -4, -1, 0, 1, 3, 5, 12, 16, 2**31 - 1)
        ),
        *(
            (
                f"shape is NULL, nd {nd}",
                Lie({"nd": nd, "shape": None, "strides": POISON}, "shape", f"{nd} extents", "NULL"),
            )
            for nd in (1, 2, 64)
        ),
        *(
            row("descr", {"descr": each, "flags": NOT_SWAPPED | HAS_DESCR}, "descr", "...", "...", "...")
            for each in ([], [("", "<f8")], [("", ">f4")], "<f4", 5, [("a", "<f4"), ("b", "<f4")], None)
        ),
        row("data", {"data": None}, "data", "a pointer to 6 elements", "NULL", NO_MEMORY),
        *(
            row(
                "data",
                {"data": each, "strides": (stride,)},
                "data",
                "elements inside the address space",
                "address ...",
            )
            for each, stride in [
                (TOP - 4, 4),
                (TOP - 1, 4),
                (8, -4),
                (TOP - 2**40, 2**40),
                (LIMIT - 20, 4),
                (LIMIT, 4),
                (I64, 4),
            ]
        ),
    ]
)

TRUE_STRUCTS: dict[str, tuple[dict[str, Any], Any]] = TRUE_OF_BOTH | {
    "flags lie about contiguity": (
        {"flags": NOT_SWAPPED | WRITEABLE | 3, "strides": (8,), "shape": (3,)},
        [0, 2, 4],
    ),
    "descr without its flag": ({"descr": object()}, VALUES),
    "swapped": ({"flags": WRITEABLE}, None),
    "read-only": ({"flags": NOT_SWAPPED}, VALUES),
}
