"""safetensors: a header in JSON, and the bytes of all tensors without gaps."""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from .mapped import Arrays, MappedFile, opened, refuse

if TYPE_CHECKING:
    from . import AnyPath, Mode

PROTOCOL: Final = "safetensors"
_INCOMPLETE: Final = "it is incomplete: load it again"
LARGEST_HEADER: Final = 100_000_000  # bytes
_LARGEST: Final = 2**63 - 1  # elements, or bytes
_MOST_AXES: Final = 64  # of a View, an array, a tensor
_NATURAL: Final = {int}
_OTHERWISE: Final = "load it with a library that knows this dtype"
_METADATA: Final = "__metadata__"
_KEYS: Final = {"dtype", "shape", "data_offsets"}

# Bits of an element, and our name of the dtype
DTYPES: Final[dict[str, tuple[int, str | None]]] = {
    "BOOL": (8, "bool"),
    "U8": (8, "uint8"),
    "U16": (16, "uint16"),
    "U32": (32, "uint32"),
    "U64": (64, "uint64"),
    "I8": (8, "int8"),
    "I16": (16, "int16"),
    "I32": (32, "int32"),
    "I64": (64, "int64"),
    "F16": (16, "float16"),
    "BF16": (16, "bfloat16"),
    "F32": (32, "float32"),
    "F64": (64, "float64"),
    "C64": (64, "complex64"),
    "F8_E4M3": (8, "float8_e4m3fn"),
    "F8_E4M3FNUZ": (8, "float8_e4m3fnuz"),
    "F8_E5M2": (8, "float8_e5m2"),
    "F8_E5M2FNUZ": (8, "float8_e5m2fnuz"),
    "F8_E8M0": (8, "float8_e8m0fnu"),
    "F4": (4, "float4_e2m1fn_x2"),
    "F6_E2M3": (6, None),
    "F6_E3M2": (6, None),
}


def read(path: AnyPath, mode: Mode, verify: bool) -> Arrays:
    """Open one file, and check all of its header."""
    with opened(path, mode, verify, PROTOCOL) as (file, mapped):
        header, start = _header(file, mapped)
        metadata = _metadata(header.pop(_METADATA, {}), mapped)
        spans, makers = [], {}
        for name, entry in header.items():
            begin, end, shape, dtype = _tensor(name, entry, mapped)
            spans.append((begin, end, name))
            makers[name] = _maker(mapped, start + begin, shape, dtype)
        _require_no_gaps(spans, mapped, mapped.size - start)
        return Arrays(makers, [mapped], metadata)


def _header(file: BinaryIO, mapped: MappedFile) -> tuple[dict[str, Any], int]:
    """Return the header, and where the data begins."""
    if mapped.size < 8:
        raise mapped.refusal("header", "8 bytes with its length", f"{mapped.size} bytes")
    length = int.from_bytes(file.read(8), "little")
    if length > LARGEST_HEADER:
        raise mapped.refusal("header", f"at most {LARGEST_HEADER:,} bytes", f"a length of {length:,}")
    text = file.read(min(length, mapped.size - 8))
    if len(text) != length:
        raise mapped.refusal("header", f"{length:,} bytes", f"{len(text):,}", _INCOMPLETE)
    if not text.startswith(b"{"):
        raise mapped.refusal("header", "one that begins with {", f"{text[:8]!r}")
    parse_int = _natural if b"-" in text else None  # 0 and -0 would be the same number otherwise
    return load_json(text, mapped, "header", parse_int), 8 + length


def load_json(text: bytes, mapped: MappedFile, field: str, parse_int: Any = None) -> dict[str, Any]:
    """Return the object that JSON describes. Names in an object must be different."""
    try:
        found = json.loads(text.decode(), object_pairs_hook=_object, parse_int=parse_int)
        if b"\\u" in text:  # JSON can name half of a surrogate pair, which is no text
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise mapped.refusal(field, "JSON in UTF-8", "too many nested levels") from None
    except ValueError as error:
        raise mapped.refusal(field, "JSON in UTF-8", str(error).replace("\n", " ")) from None
    if not isinstance(found, dict):
        raise mapped.refusal(field, "an object of JSON", type(found).__name__)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"two entries of the name {name!r:.80}")
    return made


def _natural(text: str) -> int:
    if text[0] == "-":
        raise ValueError(f"the number {text:.40}, which is no size")
    return int(text)


def _metadata(found: Any, mapped: MappedFile) -> MappingProxyType[str, str]:
    if not isinstance(found, dict):
        raise mapped.refusal("metadata", "an object of JSON", f"{found!r:.80}")
    for name, text in found.items():
        if not isinstance(text, str):
            raise mapped.refusal("metadata", "text", f"{text!r:.80} for {name!r:.80}")
    return MappingProxyType(found)


def _tensor(name: str, entry: Any, mapped: MappedFile) -> tuple[int, int, list[int], str]:
    """Return begin, end, shape and dtype that an entry says, if they can be true."""
    if type(entry) is not dict or len(entry) != 3 or not _KEYS.issubset(entry):
        raise mapped.refusal("tensor", "dtype, shape and data_offsets", f"{entry!r:.80} for {name!r:.80}")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise mapped.refusal("dtype", f"one of {', '.join(DTYPES)}", f"{dtype!r:.80} for {name!r:.80}")
    if not _is_natural(shape):
        raise mapped.refusal("shape", "a list of natural numbers", f"{shape!r:.80} for {name!r:.80}")
    begin, end = offsets if type(offsets) is list and len(offsets) == 2 else (-1, -1)
    if not (type(begin) is type(end) is int and 0 <= begin <= end <= _LARGEST):
        raise mapped.refusal("data_offsets", "a begin and an end", f"{offsets!r:.80} for {name!r:.80}")
    if len(shape) > _MOST_AXES or (0 in shape and prod(extent or 1 for extent in shape) > _LARGEST):
        raise mapped.refusal("shape", "a size that memory can have", f"{shape!r:.80} for {name!r:.80}")
    bits = prod(shape) * DTYPES[dtype][0]
    if bits != 8 * (end - begin):
        expected = f"the size that {dtype} of shape {shape!r:.80} has"
        raise mapped.refusal("data_offsets", expected, f"{end - begin:,} bytes for {name!r:.80}")
    return begin, end, shape, dtype


def _is_natural(found: Any) -> bool:
    """Whether it is a list of natural numbers. `bool` is none."""
    return type(found) is list and _NATURAL.issuperset(map(type, found)) and min(found, default=0) >= 0


def _require_no_gaps(spans: list[tuple[int, int, str]], mapped: MappedFile, size: int) -> None:
    """Refuse tensors that overlap, bytes between them, and data that does not end where the file ends."""
    at = 0
    for begin, end, name in sorted(spans):
        if begin != at:
            field = "overlap" if begin < at else "hole"
            raise mapped.refusal(field, f"a tensor that begins at byte {at:,}", f"{name!r:.80} at {begin:,}")
        at = end
    if at != size:
        hint = _INCOMPLETE if at > size else ""
        raise mapped.refusal("size", f"{at:,} bytes after the header", f"{size:,}", hint)


def _maker(mapped: MappedFile, start: int, shape: list[int], dtype: str) -> partial[Any]:
    """Return what makes the View, or says why there is none."""
    name = DTYPES[dtype][1]
    if name is None:
        return partial(refuse, PROTOCOL, "dtype", "elements of whole bytes", dtype, _OTHERWISE)
    if dtype == "F4":  # two of them in a byte
        if shape[-1] % 2:
            got = f"F4 of shape {shape}"
            return partial(refuse, PROTOCOL, "shape", "a last axis of whole bytes", got, _OTHERWISE)
        shape = [*shape[:-1], shape[-1] // 2]
    return partial(mapped.view, start, shape, name)
