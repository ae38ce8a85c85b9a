"""What an exporter of the buffer protocol may say wrongly, as data: one row a lie."""

from __future__ import annotations

import sys
from typing import Any

from hostile import POISON, Lie

TOP = 2**64
I64 = 2**63
LIMIT = 2**57  # where the address space of a process ends, on any processor
HALF = sys.maxsize // 2

# Formats that are no number, or no number of this size, and a part of the way round

CAST = "share its bytes: np.frombuffer(x, 'u1')"
TEXT = "text holds no numbers; share its bytes: np.frombuffer(x, 'u1')"
FIELDS = "a structured element has several dtypes; share one field at a time: np.asarray(x)['...']"
OBJECTS = "the elements are Python objects, such as mixed or missing values; convert them to numbers first"
LONG_DOUBLE = "long double differs between platforms; convert with np.frombuffer(x, '...').astype('...')"

FORMATS: dict[bytes, str] = {
    **dict.fromkeys(
        [b"", b"@", b"<", b">", b"=", b"!", b"^", b"Z", b"<Z", b"ZZd", b"Zi", b"Z?", b"dZ"], CAST
    ),
    **dict.fromkeys([b"3i", b"0i", b"2d", b"3f", b"0d", b"00d", b"-1d", b"7B", b"(3)f", b"(2,1)d"], CAST),
    **dict.fromkeys(
        [b"dd", b"d d", b" d", b"d ", b"d\n", b"\nd", b"<<d", b"=@d", b"|d", b"d<", b"f:x:"], CAST
    ),
    **dict.fromkeys(
        [b"P", b"<P", b"&d", b"&", b"&&d", b"x", b"9x", b"xd", b"D", b"F", b"t", b"64t", b"k"], CAST
    ),
    **dict.fromkeys(
        [b"X{}", b"X{d->d}", b"{", b"T", b"bfloat16", b"float64", b"f8", b"<f8", b"Bx7", b"E", b"%d"], CAST
    ),
    **dict.fromkeys(
        [b"\xff", b"\x80d", "\N{MICRO SIGN}".encode(), b"d\xff", b"\x01", b"\x7f", b"?" * 9], CAST
    ),
    **dict.fromkeys([b"d" * 10_000, b"1" * 10_000 + b"d", b"Z" * 10_000, b"<" * 10_000], CAST),
    **dict.fromkeys([b"c", b"9c", b"s", b"9s", b"p", b"8p", b"u", b"2u", b"w", b"3w"], TEXT),
    **dict.fromkeys([b"T{", b"T{}", b"T{f}", b"T{f:x:}", b"T{i:a:d:b:}", b"T{T{", b"T{" * 5_000], FIELDS),
    **dict.fromkeys([b"O", b"<O", b"OO", b"2O", b"O" * 10_000], OBJECTS),
    **dict.fromkeys([b"g", b"Zg", b"<g", b"2g"], LONG_DOUBLE),
}


def shown(text: bytes) -> str:
    """As a message quotes a producer's text: one line, not too long."""
    line = "".join(chr(b) if 32 <= b < 127 else "?" if b < 128 else "..." for b in text[:64])
    return f"'{line}...'" if len(text) > 64 else f"'{line}'"


def format_lie(text: bytes | None, itemsize: int = 8, hint: str = CAST) -> tuple[str, Lie]:
    seen = f"format {shown(b'B' if text is None else text)}, {itemsize} bytes"
    fields = {"format": text, "itemsize": itemsize, "shape": POISON, "strides": POISON}
    return f"format is {text[:20] if text else text!r}, itemsize {itemsize}", Lie(
        fields, "format", "a plain number per element", seen, hint
    )


# Codes beside sizes that they never have
SIZES = {b"?": 1, b"b": 1, b"B": 1, b"h": 2, b"H": 2, b"e": 2, b"i": 4, b"I": 4, b"f": 4, b"q": 8, b"Q": 8}
SIZES |= {b"d": 8, b"Zf": 8, b"Zd": 16}
WRONG_SIZES = [
    (prefix + code, itemsize)
    for code, size in SIZES.items()
    for itemsize in (1, 2, 3, 4, 8, 16, 2**62)
    for prefix in (b"", b"<")
    if itemsize != size
] + [(code, itemsize) for code in (b"l", b"L", b"n", b"N") for itemsize in (1, 2, 16)]

FORMAT_LIES = dict(
    [format_lie(text, hint=hint) for text, hint in FORMATS.items()]
    + [format_lie(text, itemsize) for text, itemsize in WRONG_SIZES]
    + [format_lie(None, itemsize) for itemsize in (2, 4, 8, 16)]
)

# Numbers


def extents(**fields: Any) -> dict[str, Any]:
    return {"strides": None, **fields}


NUMBERS: dict[str, Lie] = {
    **{
        f"ndim is {ndim}": Lie(
            {"ndim": ndim, "shape": POISON, "strides": POISON, "suboffsets": POISON},
            "ndim",
            "0 to 64 dimensions",
            str(ndim),
            "merge some dimensions first" if ndim > 0 else "",
        )
        for ndim in (-(2**31), -1, 65, 66, 1000, 2**31 - 1)
    },
    **{
        f"itemsize is {itemsize}": Lie(
            {"itemsize": itemsize, "shape": POISON},
            "itemsize",
            "an itemsize of 1 byte or more",
            str(itemsize),
        )
        for itemsize in (0, -1, -8, -I64)
    },
    **{
        f"shape is NULL, ndim {ndim}": Lie(extents(ndim=ndim, shape=None), "shape", f"{ndim} extents", "NULL")
        for ndim in (2, 3, 64)
    },
    **{
        f"shape is {shape}": Lie(
            extents(shape=shape, ndim=len(shape)), "shape", "non-negative extents", str(shape)
        )
        for shape in [(-1,), (-3,), (-I64,), (3, -1), (0, -1), (-1, 0), (-1, -3), (I64 - 1, -1)]
    },
    **{
        f"shape is {shape}": Lie(
            extents(shape=shape, ndim=len(shape)),
            "shape",
            "a size in bytes below 2**63",
            f"{shape} of 8-byte elements",
        )
        for shape in [(2**60,), (I64 - 1,), (2**31, 2**31), (2**32, 2**32), (2**62, 3), (2,) * 60, (2,) * 64]
    },
    **{
        f"strides are {strides} for {shape}": Lie(
            {"strides": strides, "shape": shape, "ndim": len(shape)},
            "strides",
            "strides that reach less than 2**63 bytes",
            f"{strides} for shape {shape}",
        )
        for strides, shape in [
            ((2**62,), (3,)),
            ((-(2**62),), (3,)),
            ((I64 - 1,), (3,)),
            ((-I64,), (3,)),
            ((-I64,), (2,)),
            ((I64 - 1,), (2,)),
            ((HALF, HALF), (3, 1)),
            ((HALF, HALF, HALF), (1, 2, 3)),
            ((-HALF, HALF), (2, 3)),
        ]
    },
    **{
        f"len is {length}": Lie({"len": length}, "len", "24 bytes for shape (3,)", str(length))
        for length in (0, 1, 8, 23, 25, 32, -1, -24, -I64, I64 - 1, 2**32 + 24)
    },
    "len is not 0 without elements": Lie({"len": 24, "shape": (0,)}, "len", "0 bytes for shape (0,)", "24"),
    "len is not one element's": Lie(extents(len=24, ndim=0, shape=None), "len", "8 bytes for shape ()", "24"),
    "len is no multiple without a shape": Lie(
        extents(len=23, shape=None), "len", "16 bytes for shape (2,)", "23"
    ),
    "len is negative without a shape": Lie(
        extents(len=-24, shape=None), "shape", "non-negative extents", "(-3,)"
    ),
}

# Where the memory is

PLACES: dict[str, Lie] = {
    **{
        f"suboffsets are {offsets}": Lie(
            {"suboffsets": offsets, "ndim": len(offsets), "shape": (1,) * (len(offsets) - 1) + (3,)}
            | {"strides": (24,) * (len(offsets) - 1) + (8,)},
            "suboffsets",
            "one block of memory",
            "rows behind pointers",
            "copy it first: memoryview(x).tobytes()",
        )
        for offsets in [(0,), (8,), (I64 - 1,), (-1, 0), (0, -1), (-5, 8), (-1, -1, 1)]
    },
    "buf is NULL": Lie(
        {"buf": None}, "data", "a pointer to 3 elements", "NULL", "...a shape but no memory behind it"
    ),
    "buf is NULL, 0-d": Lie(
        extents(buf=None, ndim=0, shape=None, len=8),
        "data",
        "a pointer to 1 elements",
        "NULL",
        "...a shape but no memory behind it",
    ),
    **{
        f"buf is {buf}, strides {stride}": Lie(
            {"buf": buf, "strides": (stride,)},
            "data",
            "elements inside the address space",
            f"address {buf} with bytes [...)",
        )
        for buf, stride in [
            (TOP - 8, 8),
            (TOP - 1, 8),
            (8, -8),
            (2**40, -(2**40)),
            (TOP - 2**40, 2**40),
            (LIMIT - 16, 8),
            (LIMIT, 8),
            (I64, 8),
            (2**40, LIMIT // 2),
        ]
    },
    **{
        f"two elements are {stride} bytes apart": Lie(
            {"shape": (2,), "strides": (stride,)}, "data", "elements inside the address space", "address ..."
        )
        for stride in (LIMIT, 2**62, -LIMIT, -(2**62))
    },
}

LIES: dict[str, Lie] = {**FORMAT_LIES, **NUMBERS, **PLACES}

# Neighbours that are true. `None`: the values are whatever they are.

ODD_BUT_TRUE: dict[str, tuple[dict[str, Any], Any]] = {
    "strides are NULL": ({"strides": None}, [1, 2, 3]),
    "strides and shape are NULL": ({"strides": None, "shape": None}, [1, 2, 3]),
    "ndim is 0": ({"ndim": 0, "shape": None, "strides": None, "len": 8}, 1),
    "ndim is 0, pointers are wild": ({"ndim": 0, "shape": POISON, "strides": POISON, "len": 8}, 1),
    "ndim is 32": ({"ndim": 32, "shape": (1,) * 31 + (3,), "strides": None}, None),
    "an extent is 0": ({"shape": (0,), "len": 0}, []),
    "an extent is 0, buf is NULL": ({"shape": (0,), "len": 0, "buf": None}, []),
    "an extent is 0, strides are huge": ({"shape": (0,), "len": 0, "strides": (HALF,)}, []),
    "an extent is 1, its stride is huge": ({"shape": (1,), "strides": (HALF,), "len": 8}, [1]),
    "a stride is 0": ({"shape": (2, 3), "ndim": 2, "strides": (0, 8), "len": 48}, [[1, 2, 3], [1, 2, 3]]),
    "suboffsets lead nowhere": ({"suboffsets": (-1,)}, [1, 2, 3]),
    "suboffsets are negative": ({"suboffsets": (-I64,)}, [1, 2, 3]),
    "format is '@d'": ({"format": b"@d"}, [1, 2, 3]),
    "format is '^d'": ({"format": b"^d"}, [1, 2, 3]),
    "format is '>d'": ({"format": b">d"}, None),
    "format is '!d'": ({"format": b"!d"}, None),
    "format is 'Zf'": ({"format": b"Zf"}, None),
    "format is 'l'": ({"format": b"l"}, None),
    "format is 'N'": ({"format": b"N"}, None),
    "format is NULL": ({"format": None, "itemsize": 1, "shape": (24,), "strides": (1,)}, None),
    "readonly is set": ({"readonly": 1}, [1, 2, 3]),
    "readonly is neither": ({"readonly": -7}, [1, 2, 3]),
}
