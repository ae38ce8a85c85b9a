"""HDF5: contiguous datasets. h5py says where they are in the file."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from numpy_bridge.errors import SharingError

from .mapped import Arrays, MappedFile, dtype_of, opened, refuse

if TYPE_CHECKING:
    from . import AnyPath, Mode

_PROTOCOL: Final = "HDF5"
_MOST_NAMES: Final = 100  # of one group
_MAKE: Final = "write it without chunks and filters: file.create_dataset(name, data=values)"


def read(path: AnyPath, mode: Mode, verify: bool) -> Arrays:
    """Open the datasets of a file by all names that hard links give them. Other links are not followed."""
    h5py = importlib.import_module("h5py")
    with opened(path, mode, verify, _PROTOCOL) as (_, mapped):
        try:
            with h5py.File(mapped.path, "r") as file:
                datasets = _datasets(h5py, file, mapped)
                makers = {name: _maker(h5py, dataset, name, mapped) for name, dataset in datasets}
        except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
            got = str(error).replace("\n", " ")
            raise mapped.refusal("format", "a file that h5py can open", f"{got:.200}") from None
        return Arrays(makers, [mapped], MappingProxyType({}))


def _datasets(h5py: Any, file: Any, mapped: MappedFile) -> Iterator[tuple[str, Any]]:
    """Yield names and datasets, by all hard links. A group within itself is left out."""
    entered: Counter[Any] = Counter()

    def within(group: Any, prefix: str, around: frozenset[Any]) -> Iterator[tuple[str, Any]]:
        entered[group] += 1
        if entered[group] > _MOST_NAMES:  # forty groups can have 2**40 names
            got = f"more for the group {group.name!r:.80}"
            raise mapped.refusal("links", f"at most {_MOST_NAMES} names of one group", got)
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                continue
            found = group[name]
            if isinstance(found, h5py.Dataset):
                yield prefix + name, found
            elif isinstance(found, h5py.Group) and found not in around:
                yield from within(found, f"{prefix}{name}/", around | {found})

    return within(file, "", frozenset({file}))


def _maker(h5py: Any, dataset: Any, name: str, mapped: MappedFile) -> partial[Any]:
    reason, hint = _not_contiguous(h5py, dataset)
    if reason:
        return partial(refuse, _PROTOCOL, "layout", "a contiguous dataset", f"{reason} {name!r:.80}", hint)
    try:
        dtype = _dtype(h5py, dataset, mapped)
    except SharingError as refused:
        return partial(refuse, *refused.args)
    return partial(mapped.view, dataset.id.get_offset() or 0, dataset.shape, dtype)


def _not_contiguous(h5py: Any, dataset: Any) -> tuple[str, str]:
    """Return what keeps a dataset from being one block of the file, and what to do; empty if nothing does."""
    layout = dataset.id.get_create_plist().get_layout()
    if dataset.shape is None:
        return "the empty dataset", ""
    if dataset.is_virtual:
        return "the virtual dataset", "open the files that it is made of"
    if dataset.external:
        return "the dataset with external storage", "open the files that have its bytes: np.memmap"
    if layout == h5py.h5d.CHUNKED:
        what = "compressed or filtered" if dataset.id.get_create_plist().get_nfilters() else "chunked"
        return f"the {what} dataset", _MAKE
    if layout == h5py.h5d.COMPACT:
        return "the compact dataset, which is in the header,", _MAKE
    if dataset.size and dataset.id.get_offset() is None:
        return "a dataset that was never written,", "write its elements first"
    return "", ""


def _dtype(h5py: Any, dataset: Any, mapped: MappedFile) -> str:
    """Return our name of the dtype, if NumPy's elements are those that are in the file."""
    try:
        described, stored = dataset.dtype, dataset.id.get_type()
        is_plain = stored.get_size() == described.itemsize and _is_plain(h5py.h5t, stored)
    except TypeError as error:
        raise mapped.refusal("dtype", "a supported number dtype", f"{error!s:.80}") from None
    dtype = dtype_of(described, _PROTOCOL, mapped.path)
    if not is_plain:
        got = f"others, which h5py reads as {described},"
        raise mapped.refusal("dtype", "elements as NumPy has them", got)
    return dtype


def _is_plain(types: Any, stored: Any) -> bool:
    """Whether a type is the one that h5py would write for its dtype. Bit fields and others are not."""
    if stored.get_class() in (types.ENUM, getattr(types, "COMPLEX", types.ENUM)):
        stored = stored.get_super()
    if stored.get_class() not in (types.INTEGER, types.FLOAT, types.COMPOUND):
        return False
    written = types.py_create(stored.dtype)
    if stored.get_class() == types.INTEGER and stored.get_size() == 1:
        written.set_order(stored.get_order())  # one byte has no order
    return bool(written == stored)
