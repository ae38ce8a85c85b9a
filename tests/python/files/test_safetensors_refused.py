"""Damaged and hostile safetensors files: refused by our error, and never read outside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numpy_bridge as bridge
from written import entry, file_of

safetensors: Any
try:
    import safetensors
except ImportError:  # the session faults installs it
    safetensors = None

GOOD = entry(0, 8, [2])
DATA = bytes(8)
HUGE = str(2**64)


def text(tensor: str) -> str:
    return f'{{"a": {tensor}}}'


def with_field(field: str, value: str) -> str:
    """The good entry with another value, as JSON."""
    parts = {name: json.dumps(found) for name, found in GOOD.items()} | {field: value}
    return text("{" + ", ".join(f'"{name}": {found}' for name, found in parts.items()) + "}")


MALFORMED: dict[str, tuple[bytes, str]] = {
    # the length of the header
    "empty": (b"", "size"),
    "7 bytes": (bytes(7), "header"),
    "length only": (bytes(8), "header"),
    "length of the header too large": (file_of({"a": GOOD}, DATA, 10**6), "header"),
    "length beyond 100 MB": (file_of({"a": GOOD}, DATA, 100_000_001), "header"),
    "length of 64 bits": (file_of({"a": GOOD}, DATA, 2**64 - 1), "header"),
    "length that would be negative": (file_of({"a": GOOD}, DATA, 2**63), "header"),
    "length too small": (file_of({"a": GOOD}, DATA, 20), "header"),
    "length too small by one": (file_of({"a": GOOD}, DATA, len(json.dumps({"a": GOOD})) - 1), "header"),
    "length into the data": (file_of({"a": GOOD}, DATA, len(json.dumps({"a": GOOD})) + 1), "header"),
    # JSON
    "no object": (file_of("[]"), "header"),
    "begins with a space": (file_of(" {}"), "header"),
    "begins with a byte order mark": (file_of("\ufeff{}"), "header"),
    "not closed": (file_of('{"a": {'), "header"),
    "text after the object": (file_of("{} {}"), "header"),
    "zeros after the object": (file_of("{}\0\0"), "header"),
    "UTF-16": (file_of("{}".encode("utf-16-le")), "header"),
    "not UTF-8": (file_of(b'{"\xff": 1}'), "header"),
    "surrogates in UTF-8": (file_of(b'{"\xed\xa0\x80": 1}'), "header"),
    "half a surrogate pair as name": (file_of({"\ud800": GOOD}, DATA), "header"),
    "half a surrogate pair in the metadata": (file_of({"__metadata__": {"a": "\udc00"}}), "header"),
    "half a surrogate pair as dtype": (file_of({"a": entry(0, 8, [2], "\ud800")}, DATA), "header"),
    "control character": (file_of('{"a\n": 1}'), "header"),
    "single quotes": (file_of("{'a': 1}"), "header"),
    "trailing comma": (file_of('{"__metadata__": {},}'), "header"),
    "comment": (file_of("{} // none"), "header"),
    "deep nesting": (file_of('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}"), "header"),
    "one tensor twice": (file_of(f'{{"a": {json.dumps(GOOD)}, "a": {json.dumps(GOOD)}}}', DATA), "header"),
    "one field twice": (file_of(with_field("dtype", '"F32", "dtype": "F32"'), DATA), "header"),
    "metadata twice": (file_of('{"__metadata__": {}, "__metadata__": {}}'), "header"),
    "a key of the metadata twice": (file_of('{"__metadata__": {"a": "", "a": ""}}'), "header"),
    # metadata
    "metadata is a list": (file_of({"__metadata__": []}), "metadata"),
    "metadata is null": (file_of({"__metadata__": None}), "metadata"),
    "metadata of numbers": (file_of({"__metadata__": {"a": 1}}), "metadata"),
    "nested metadata": (file_of({"__metadata__": {"a": {}}}), "metadata"),
    # entries
    "entry is a number": (file_of({"a": 1}), "tensor"),
    "entry is null": (file_of({"a": None}), "tensor"),
    "entry is a list": (file_of({"a": ["F32", [2], [0, 8]]}, DATA), "tensor"),
    "entry of nothing": (file_of({"a": {}}), "tensor"),
    "no dtype": (file_of({"a": {"shape": [2], "data_offsets": [0, 8]}}, DATA), "tensor"),
    "no shape": (file_of({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, DATA), "tensor"),
    "no offsets": (file_of({"a": {"dtype": "F32", "shape": [2]}}, DATA), "tensor"),
    "another field": (file_of({"a": {**GOOD, "strides": [4]}}, DATA), "tensor"),
    # dtypes
    "unknown dtype": (file_of({"a": entry(0, 8, [2], "F31")}, DATA), "dtype"),
    "dtype in lower case": (file_of({"a": entry(0, 8, [2], "f32")}, DATA), "dtype"),
    "dtype is a number": (file_of({"a": entry(0, 8, [2], 1)}, DATA), "dtype"),
    "dtype is a list": (file_of({"a": entry(0, 8, [2], ["F32"])}, DATA), "dtype"),
    "dtype is null": (file_of({"a": entry(0, 8, [2], None)}, DATA), "dtype"),
    # shapes
    "shape is a number": (file_of({"a": entry(0, 8, 2)}, DATA), "shape"),
    "shape is text": (file_of({"a": entry(0, 8, "2")}, DATA), "shape"),
    "shape is an object": (file_of({"a": entry(0, 8, {})}, DATA), "shape"),
    "negative extent": (file_of({"a": entry(0, 8, [-2])}, DATA), "header"),
    "two negative extents": (file_of({"a": entry(0, 8, [-1, -2])}, DATA), "header"),
    "extent of minus zero": (
        file_of('{"a": {"dtype": "F32", "shape": [-0], "data_offsets": [0, 0]}}'),
        "header",
    ),
    "extent is a float": (file_of({"a": entry(0, 8, [2.0])}, DATA), "shape"),
    "extent is a bool": (file_of({"a": entry(0, 4, [True])}, bytes(4)), "shape"),
    "extent is null": (file_of({"a": entry(0, 8, [None])}, DATA), "shape"),
    "extent is NaN": (file_of(with_field("shape", "[NaN]"), DATA), "shape"),
    "extent is infinite": (file_of(with_field("shape", "[1e999]"), DATA), "shape"),
    "extent beyond 64 bits": (file_of(with_field("shape", f"[{HUGE}, 0]"), DATA), "shape"),
    "extent of 5000 digits": (file_of(with_field("shape", f"[{'9' * 5000}]"), DATA), "header"),
    "product beyond 64 bits": (file_of({"a": entry(0, 8, [2**32, 2**32 + 1])}, DATA), "data_offsets"),
    "product that is 2 in 64 bits": (file_of({"a": entry(0, 8, [2**63 + 1, 2])}, DATA), "data_offsets"),
    "product beyond 64 bits, and zero": (file_of({"a": entry(0, 0, [2**32, 2**32, 0])}), "shape"),
    "65 axes": (file_of({"a": entry(0, 8, [1] * 64 + [2])}, DATA), "shape"),
    # offsets
    "one offset": (file_of(with_field("data_offsets", "[0]"), DATA), "data_offsets"),
    "three offsets": (file_of(with_field("data_offsets", "[0, 8, 8]"), DATA), "data_offsets"),
    "offsets are an object": (file_of(with_field("data_offsets", "{}"), DATA), "data_offsets"),
    "offset is a float": (file_of({"a": entry(0, 8.0, [2])}, DATA), "data_offsets"),
    "offset is a bool": (file_of(with_field("data_offsets", "[false, 8]"), DATA), "data_offsets"),
    "negative offset": (file_of({"a": entry(-8, 0, [2])}, DATA), "header"),
    "end before begin": (file_of({"a": entry(8, 0, [2])}, DATA), "data_offsets"),
    "offsets beyond 64 bits": (
        file_of(with_field("data_offsets", f"[{HUGE}, {HUGE}8]"), DATA),
        "data_offsets",
    ),
    "too many bytes for the shape": (file_of({"a": entry(0, 8, [1])}, DATA), "data_offsets"),
    "too few bytes for the shape": (file_of({"a": entry(0, 8, [3])}, DATA), "data_offsets"),
    "bytes for no elements": (file_of({"a": entry(0, 8, [0])}, DATA), "data_offsets"),
    "no bytes for a number": (file_of({"a": entry(0, 0, [])}), "data_offsets"),
    "half a byte": (file_of({"a": entry(0, 1, [3], "F4")}, b"0"), "data_offsets"),
    # the whole
    "two tensors overlap": (file_of({"a": entry(0, 8, [2]), "b": entry(4, 12, [2])}, bytes(12)), "overlap"),
    "two tensors are one": (file_of({"a": GOOD, "b": GOOD}, DATA), "overlap"),
    "no elements inside another tensor": (file_of({"a": GOOD, "b": entry(4, 4, [0])}, DATA), "overlap"),
    "hole before the first": (file_of({"a": entry(4, 12, [2])}, bytes(12)), "hole"),
    "hole between two": (file_of({"a": entry(0, 4, [1]), "b": entry(8, 12, [1])}, bytes(12)), "hole"),
    "no elements beyond the end": (file_of({"a": entry(9, 9, [0])}, DATA), "hole"),
    "data is missing": (file_of({"a": GOOD}), "size"),
    "data ends early": (file_of({"a": GOOD}, bytes(7)), "size"),
    "data goes on": (file_of({"a": GOOD}, bytes(9)), "size"),
    "data without a tensor": (file_of("{}", b"0"), "size"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_files_are_refused(tmp_path: Path, what: str) -> None:
    content, field = MALFORMED[what]
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    with pytest.raises(bridge.SharingError) as caught:
        bridge.open_safetensors(path)
    error = caught.value
    assert (error.protocol, error.field) == ("safetensors", field)
    assert str(error).startswith("cannot open this safetensors file: expected ")
    assert str(path) in error.got
    assert len(str(error)) < 1000


VALID = file_of(
    {
        "__metadata__": {"format": "pt"},
        "a": entry(0, 24, [2, 3]),
        "é": entry(24, 28, [2], "BF16"),
        "none": entry(28, 28, [0]),
        "scalar": entry(28, 36, [], "I64"),
    },
    bytes(range(36)),
)
TOKENS = [
    *(b"{", b"}", b"[", b"]", b'"', b",", b":", b"-", b"0", b"1e2", b"\\ud800", b"null", b"true", b"NaN"),
    *(b"\xff", b" ", b"-0", b"F64", b"F4", b"24", b"28", b"36", b"18446744073709551616", b"9" * 4400),
]
mutations = st.lists(
    st.tuples(
        st.integers(0, len(VALID)), st.integers(0, 30), st.sampled_from(TOKENS) | st.binary(max_size=9)
    ),
    min_size=1,
    max_size=3,
)


numbers = st.sampled_from([0, 1, 2, 4, 8, 16, -1, 1.0, True, None, 2**32, 2**63, 2**64])
lists = st.lists(numbers, max_size=3)
entries = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "U8", "F4", "F6_E2M3", "BF16", "C64", "?", 1]),
        "shape": lists,
        "data_offsets": st.sampled_from([[0, 8], [8, 16], [0, 16], [0, 0], [8, 8], [16, 16]]) | lists,
    }
)
metadata = st.fixed_dictionaries(
    {}, optional={"__metadata__": st.sampled_from([{}, {"a": "b"}, {"a": 1}, None, []])}
)
headers = st.tuples(st.dictionaries(st.text(max_size=2), entries, max_size=2), metadata).map(
    lambda parts: parts[0] | parts[1]
)


def keep_length(content: bytes, old: int) -> bytes:
    """Set the length of the header as if all that was inserted had been inserted there."""
    length = int.from_bytes(VALID[:8], "little") + len(content) - old
    return max(length, 0).to_bytes(8, "little") + content[8:]


@given(changes=mutations, fits=st.booleans())
def test_changed_files_are_read_inside_or_refused(
    changes: list[tuple[int, int, bytes]], fits: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = VALID
    for at, length, new in changes:
        content = content[:at] + new + content[at + length :]
    if fits:
        content = keep_length(content, len(VALID))
    assert_like_safetensors(content, tmp_path_factory.getbasetemp() / "changed.safetensors")


def assert_like_safetensors(content: bytes, path: Path) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    try:
        opened = bridge.open_safetensors(path)
    except bridge.SharingError:
        return
    accepted = None
    if safetensors is not None:  # raises what it refuses, which then fails here
        accepted = {name: bytes(found["data"]) for name, found in safetensors.deserialize(content)}
    found = {}
    for name in opened:
        try:
            view = opened[name]
        except bridge.SharingError:  # of a dtype that nobody has
            continue
        start = opened.files[0].start_of(view)
        assert start is not None
        assert 8 <= start <= len(content) - view.nbytes
        elements = bridge.from_pointer(view.ptr, view.nbytes, "uint8", owner=view, readonly=True)
        found[name] = bytes(np.asarray(elements))
        assert found[name] == content[start : start + view.nbytes]
    assert accepted is None or found.items() <= accepted.items()
    assert accepted is None or opened.keys() == accepted.keys()


@pytest.mark.skipif(safetensors is None, reason="safetensors is not installed: nox -s faults")
@given(header=headers)
def test_what_safetensors_refuses_is_refused(header: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "made.safetensors"
    for size in (0, 8, 16):
        assert_like_safetensors(file_of(header, bytes(size)), path)


def test_files_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for length in range(len(VALID)):
        path.unlink(missing_ok=True)
        path.write_bytes(VALID[:length])
        with pytest.raises(bridge.SharingError):
            bridge.open_safetensors(path)


def test_the_valid_file_is_accepted(tmp_path: Path) -> None:
    assert_like_safetensors(VALID, tmp_path / "a.safetensors")
    assert len(bridge.open_safetensors(tmp_path / "a.safetensors")) == 4


@pytest.mark.skipif(safetensors is None, reason="safetensors is not installed: nox -s faults")
def test_all_dtypes_of_safetensors_are_known() -> None:
    """A new one there is a new row here."""
    with pytest.raises(safetensors.SafetensorError) as caught:
        safetensors.deserialize(file_of({"a": entry(0, 8, [2], "?")}, DATA))
    from numpy_bridge.files.safetensors import DTYPES

    named = str(caught.value).partition("expected one of ")[2]
    assert all(f"`{name}`" in named for name in DTYPES)
    assert named.count("`") == 2 * len(DTYPES)
