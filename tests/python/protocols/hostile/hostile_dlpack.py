"""What a DLPack producer may say wrongly, as data: one row a lie, by the field that is corrupted."""

from __future__ import annotations

import platform
from typing import Any

from hostile import POISON, Lie

TOP = 2**64
I64 = 2**63
TAGS = platform.machine() in ("aarch64", "arm64")  # the top byte of an address is no part of it
LIMIT = 2**57  # where the address space of a process ends, on any processor
DESCRIPTION = "this object has a shape but no memory behind it"

# Element types: code, bits and lanes of the rows of the dtype table

INTEGERS = {(code, bits, 1) for code in (0, 1) for bits in (8, 16, 32, 64)}
FLOATS = {(2, 16, 1), (2, 32, 1), (2, 64, 1), (4, 16, 1), (5, 32, 1), (5, 64, 1), (5, 128, 1), (6, 8, 1)}
NARROW = {(code, 8, 1) for code in range(7, 15)} | {(17, 4, 2)}
DTYPES = INTEGERS | FLOATS | NARROW
CODES = {code for code, _, _ in DTYPES}
ODD_BITS = (0, 1, 2, 4, 6, 7, 9, 12, 24, 31, 33, 48, 63, 80, 127, 136, 255)


def way_round(code: int, bits: int, lanes: int) -> str:
    if code == 3:
        return "the elements are handles, such as Python objects; convert them to numbers first"
    if code > 17:
        return "later versions of DLPack may define it; the last known code is 17"
    if lanes != 1:
        return "vector elements are another dimension: share x as (..., lanes) of one-lane elements"
    return "...share their bytes..." if bits < 8 else "let its own library share its bytes, as uint8"


def dtype_lie(*dtype: int) -> tuple[str, Lie]:
    code, bits, lanes = dtype
    fields = {"dtype": dtype, "shape": POISON, "strides": POISON, "ndim": 1}
    seen = f"code {code}, {bits} bits, {lanes} lanes"
    return f"dtype is {seen}", Lie(fields, "dtype", "a supported number dtype", seen, way_round(*dtype))


def dtype_lies() -> dict[str, Lie]:
    unknown_codes = [(code, 32, 1) for code in range(256) if code not in CODES]
    odd_bits = [(code, bits, 1) for code in sorted(CODES) for bits in ODD_BITS]
    lanes = [(code, bits, lanes) for code, bits, _ in sorted(DTYPES) for lanes in (0, 2, 4, 65535)]
    wrong = [dtype for dtype in unknown_codes + odd_bits + lanes if dtype not in DTYPES]
    return dict(dtype_lie(*dtype) for dtype in wrong)


# Extents


def ndim_lies() -> dict[str, Lie]:
    merge = "merge some dimensions first"
    wrong = (-(2**31), -65, -1, 65, 66, 255, 256, 65536, 2**31 - 1)
    return {
        f"ndim is {ndim}": Lie(
            {"ndim": ndim, "shape": POISON, "strides": POISON},
            "ndim",
            "0 to 64 dimensions",
            str(ndim),
            merge if ndim > 0 else "",
        )
        for ndim in wrong
    }


NULL_SHAPES = {
    f"shape is NULL, ndim {ndim}": Lie(
        {"shape": None, "ndim": ndim, "strides": POISON}, "shape", f"{ndim} extents", "NULL"
    )
    for ndim in (1, 2, 3, 64)
}


def negative_shape(*shape: int) -> tuple[str, Lie]:
    fields = {"shape": shape, "strides": (1,) * len(shape)}
    return f"shape is {shape}"[:60], Lie(fields, "shape", "non-negative extents", str(shape))


NEGATIVE_SHAPES = dict(
    negative_shape(*shape)
    for shape in [
        (-1,),
        (-6,),
        (-I64,),
        (1 - I64,),
        (-(2**31),),
        (2, -3),
        (-2, -3),
        (-1, -1, -6),
        (0, -1),
        (-1, 0),
        (I64 - 1, -1),
        (1,) * 63 + (-1,),
        (-1,) + (1,) * 63,
    ]
)


def huge_shape(strides: bool, *shape: int) -> tuple[str, Lie]:
    fields: dict[str, Any] = {"shape": shape, "strides": (0,) * len(shape) if strides else None}
    name = f"shape is {shape}, {'strides of 0' if strides else 'no strides'}"
    return name, Lie(fields, "shape", "a size in bytes below 2**63", f"{shape} of 4-byte elements")


HUGE_SHAPES = dict(
    huge_shape(strides, *shape)
    for strides in (False, True)
    for shape in [
        (2**61,),
        (2**62,),
        (I64 - 1,),
        (2**31, 2**31),
        (2**31, 2**31, 4),
        (2**32, 2**32),
        (3, 2**62),
        (2**62, 3),
        (I64 - 1, I64 - 1),
        (2**21, 2**21, 2**21),
        (2,) * 62,
        (2,) * 64,
        (1, I64 - 1, 1),
    ]
)


def stride_lie(expected: str, seen: str, *strides: int, **fields: Any) -> tuple[str, Lie]:
    name = f"strides are {strides} for {fields.get('shape', (6,))}"
    return name, Lie({"strides": strides, **fields}, "strides", expected, seen)


OVERFLOWING_STRIDES = dict(
    stride_lie("byte strides below 2**63", str(strides), *strides, shape=(6,) * len(strides))
    for strides in [
        (2**61,),
        (-(2**61) - 1,),
        (I64 - 1,),
        (-I64,),
        (1 - I64,),
        (1, 2**61),
        (2**62, 1),
        (-I64, -I64),
    ]
)
FAR_STRIDES = dict(
    stride_lie("strides that reach less than 2**63 bytes", f"... for shape {shape}", *strides, shape=shape)
    for strides, shape in [
        ((2**60,), (6,)),
        ((-(2**60),), (6,)),
        ((2**61 - 1,), (2,)),
        ((-(2**61),), (2,)),
        ((2**59, 2**59), (3, 3)),
        ((2**59, -(2**59)), (3, 3)),
        ((-(2**59), -(2**59)), (3, 3)),
        ((2**40,), (2**40,)),
        ((-(2**40),), (2**40,)),
        ((1,) * 61 + (2**60,) * 2, (1,) * 61 + (2,) * 2),
    ]
)

# Where the memory is

DATA: dict[str, Lie] = {
    "data is NULL": Lie({"data": None}, "data", "a pointer to 6 elements", "NULL", DESCRIPTION),
    "data is NULL, 0-d": Lie(
        {"data": None, "shape": (), "strides": ()}, "data", "a pointer to 1 elements", "NULL", DESCRIPTION
    ),
    "data is NULL, byte_offset is not 0": Lie(
        {"data": None, "byte_offset": 4096}, "data", "a pointer to 6 elements", "NULL", DESCRIPTION
    ),
    "data is NULL, byte_offset is huge": Lie(
        {"data": None, "byte_offset": TOP - 1}, "data", "a pointer to 6 elements", "NULL", DESCRIPTION
    ),
    "data is NULL, broadcast": Lie(
        {"data": None, "strides": (0,)}, "data", "a pointer to 6 elements", "NULL", DESCRIPTION
    ),
}
OUTSIDE = {
    f"{name} leave the address space": Lie(
        fields, "data", "elements inside the address space", "address ... with bytes [...)"
    )
    for name, fields in {
        "elements at the top": {"data": TOP - 4},
        "elements at the last byte": {"data": TOP - 1, "shape": (), "strides": ()},
        "elements before 0": {"data": 8, "strides": (-1,)},
        "elements far before 0": {"data": 2**40, "strides": (-(2**40),)},
        "elements far behind": {"data": TOP - 2**40, "strides": (2**40,)},
        "elements on both sides": {"data": 16, "shape": (2, 2), "strides": (2**20, -(2**20))},
        "rows": {"data": TOP - 16, "shape": (2, 3), "strides": None},
        "elements at the end of 57 bits": {"data": LIMIT - 20},
        "elements behind 57 bits": {"data": LIMIT},
        **(
            {}
            if TAGS
            else {"offsets of 2**57": {"byte_offset": LIMIT}, "offsets of 2**63": {"byte_offset": I64}}
        ),
        "two elements, 2**62 bytes apart,": {"shape": (2,), "strides": (2**60,)},
        "two elements, 2**57 bytes apart,": {"shape": (2,), "strides": (LIMIT // 4,)},
        "two elements, -(2**62) bytes apart,": {"shape": (2,), "strides": (-(2**60),)},
        "two rows of CUDA memory": {"device": (2, 0), "shape": (2, 3), "strides": (2**59, 1)},
        "elements of a far handle": {"device": (4, 0), "data": TOP - 8, "strides": (LIMIT // 4,)},
    }.items()
}
OFFSETS = {
    f"byte_offset is {offset}": Lie(
        {"byte_offset": offset}, "byte_offset", "an offset inside the address space", str(offset)
    )
    for offset in (TOP - 1, TOP - 4, TOP - 24, TOP - 4096)
}
DEVICES = {
    f"device type is {kind}": Lie(
        {"device": (kind, 0)}, "device", "a device type of DLPack 1.3", f"unknown device type {kind}"
    )
    for kind in (-(2**31), -1, 0, 5, 6, 19, 20, 99, 255, 256, 257, 65536 + 1, 2**31 - 1)
}
INDICES = {
    f"device index is {index} of type {kind}": Lie(
        {"device": (kind, index)}, "device", "a non-negative device index", str(index)
    )
    for kind in (1, 2, 3, 8, 13)
    for index in (-1, -(2**31))
}

LIES: dict[str, Lie] = {
    **dtype_lies(),
    **ndim_lies(),
    **NULL_SHAPES,
    **NEGATIVE_SHAPES,
    **HUGE_SHAPES,
    **OVERFLOWING_STRIDES,
    **FAR_STRIDES,
    **DATA,
    **OUTSIDE,
    **OFFSETS,
    **DEVICES,
    **INDICES,
}

# What only the versioned form can say

FOREIGN_VERSIONS = [
    (0, 0),
    (0, 8),
    (2, 0),
    (2, 1),
    (3, 0),
    (256, 1),
    (65537, 0),
    (2**31, 0),
    (2**32 - 1,) * 2,
]
VERSIONED_LIES: dict[str, Lie] = {
    f"version is {major}.{minor}": Lie(
        {"version": (major, minor)},
        "version",
        "DLPack major version 1",
        f"{major}.{minor}",
        "versions with another layout cannot be read",
    )
    for major, minor in FOREIGN_VERSIONS
} | {
    "flags say padded": Lie(
        {"flags": 4, "dtype": (17, 4, 2)},
        "flags",
        "packed elements of less than a byte",
        "padded ones",
        "...share their bytes...",
    ),
    "flags say padded and more": Lie(
        {"flags": TOP - 1 - 2, "dtype": (17, 4, 2)},
        "flags",
        "packed elements of less than a byte",
        "padded ones",
        "...share their bytes...",
    ),
}

# Neighbours of the lies that are true, and their values

ODD_BUT_TRUE: dict[str, tuple[dict[str, Any], Any]] = {
    "ndim is 0": ({"shape": (), "strides": ()}, 0),
    "ndim is 0, pointers are wild": ({"ndim": 0, "shape": POISON, "strides": POISON}, 0),
    "ndim is 32": ({"shape": (1,) * 31 + (6,), "strides": (0,) * 31 + (1,)}, None),
    "an extent is 0": ({"shape": (0,)}, []),
    "an extent is 0, data is wild": ({"shape": (0,), "data": POISON, "byte_offset": 2**50}, []),
    "an extent is 0, strides are huge": ({"shape": (0, 3), "strides": (2**40, -(2**40))}, []),
    "an extent is 1, its stride is huge": ({"shape": (1, 6), "strides": (2**60, 1)}, [[0, 1, 2, 3, 4, 5]]),
    "strides are NULL": ({"shape": (2, 3), "strides": None}, [[0, 1, 2], [3, 4, 5]]),
    "strides are negative": ({"strides": (-1,), "byte_offset": 20}, [5, 4, 3, 2, 1, 0]),
    "a stride is 0": ({"shape": (2, 3), "strides": (0, 1)}, [[0, 1, 2], [0, 1, 2]]),
    "byte_offset is not 0": ({"shape": (5,), "byte_offset": 4}, [1, 2, 3, 4, 5]),
    "data is misaligned": ({"shape": (5,), "byte_offset": 1}, None),
    "elements overlap": ({"shape": (3, 2), "strides": (1, 1)}, [[0, 1], [1, 2], [2, 3]]),
    "memory of CUDA on the host": ({"device": (3, 0)}, [0, 1, 2, 3, 4, 5]),
    "memory of ROCm on the host": ({"device": (11, 7)}, [0, 1, 2, 3, 4, 5]),
    "the CPU has an index": ({"device": (1, 3)}, [0, 1, 2, 3, 4, 5]),
    "the deleter is NULL": ({"deleter": None}, [0, 1, 2, 3, 4, 5]),
}
VERSIONED_TRUTHS: dict[str, tuple[dict[str, Any], Any]] = {
    f"minor version is {minor}": ({"version": (1, minor)}, [0, 1, 2, 3, 4, 5])
    for minor in (0, 1, 2, 3, 4, 255, 2**32 - 1)
} | {f"flag {bit} is set": ({"flags": 1 << bit}, [0, 1, 2, 3, 4, 5]) for bit in (0, *range(2, 64))}
