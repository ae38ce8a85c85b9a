"""Arrow's IPC files: columns of numbers, and tensors. pyarrow reads the descriptions."""

from __future__ import annotations

import importlib
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from numpy_bridge import _core
from numpy_bridge.errors import SharingError

from .mapped import Arrays, MappedFile, opened, refuse

if TYPE_CHECKING:
    from . import AnyPath, Mode

_PROTOCOL: Final = "Arrow IPC"
_MAGIC: Final = b"ARROW1"
_OTHERS: Final = {
    b"FEA1": "a Feather file of version 1",
    b"PAR1": "a Parquet file, whose columns are encoded",
}
_WRITE: Final = "write it with pyarrow.ipc.new_file, uncompressed"


def read(path: AnyPath, mode: Mode, batch: int | None, verify: bool) -> Arrays:
    """Open a file of record batches or of tensors.

    pyarrow gets our memory of the file, so that what it finds there can be made into Views of any mode.
    """
    pyarrow = importlib.import_module("pyarrow")
    with opened(path, mode, verify, _PROTOCOL) as (file, mapped):
        all_bytes = mapped.view(0, (mapped.size,), "uint8")
        source = pyarrow.BufferReader(pyarrow.py_buffer(all_bytes))
        try:
            if _is_file(file, mapped):
                return _columns(pyarrow.ipc.open_file(source), batch, mapped)
            return _tensors(pyarrow, source, batch, mapped)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            got = str(error).replace("\n", " ")
            raise mapped.refusal("format", "a file that pyarrow can read", f"{got:.200}", _WRITE) from None


def _is_file(file: BinaryIO, mapped: MappedFile) -> bool:
    magic = file.read(len(_MAGIC))
    if magic[:4] in _OTHERS:
        raise mapped.refusal("format", "an Arrow IPC file", _OTHERS[magic[:4]], _WRITE)
    return magic == _MAGIC


def _columns(reader: Any, batch: int | None, mapped: MappedFile) -> Arrays:
    count = reader.num_record_batches
    if not count:
        raise mapped.refusal("batches", "a record batch", "none", "write a table that has rows")
    if batch is None and count != 1:
        hint = "give one of them: batch=0, or write the table as one"
        raise mapped.refusal("batches", "one record batch", str(count), hint)
    number = batch or 0
    if not 0 <= number < count:
        raise mapped.refusal("batches", f"a record batch from 0 to {count - 1}", str(number))
    columns = reader.get_batch(number)
    columns.validate()
    names = columns.schema.names
    if len(set(names)) != len(names):
        raise mapped.refusal("names", "columns of different names", ", ".join(names)[:80])
    makers = {}
    for i, (name, kind) in enumerate(zip(names, columns.schema.types, strict=True)):
        if _is_of_numbers(kind):
            makers[name] = _maker(columns.column(i), name, mapped)
        else:  # pyarrow follows offsets in the file without a check, and has no class for some types
            makers[name] = _refused(f"{kind!s:.200}", name)
    found = reader.schema.metadata or {}
    metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in found.items()}
    return Arrays(makers, [mapped], MappingProxyType(metadata))


def _tensors(pyarrow: Any, source: Any, batch: int | None, mapped: MappedFile) -> Arrays:
    """Return the tensors that stand one after another in the file, by their numbers."""
    makers: dict[str, partial[Any]] = {}
    while source.tell() < mapped.size:
        name = str(len(makers))
        makers[name] = _maker(pyarrow.ipc.read_tensor(source), name, mapped)
    if batch is not None:
        raise mapped.refusal("batches", f"a record batch {batch}", "tensors", "leave batch out")
    return Arrays(makers, [mapped], MappingProxyType({}))


def _refused(reason: str, name: str) -> partial[Any]:
    return partial(refuse, _PROTOCOL, "column", "a column of numbers", f"{reason} for {name!r:.80}")


def _maker(column: Any, name: str, mapped: MappedFile) -> partial[Any]:
    """Return what makes the View of numbers or a tensor, or says why there is none."""
    if _has_nulls(column):
        return _refused("nulls", name)
    try:
        view = _view(column)
    except SharingError as refused:
        return _refused(refused.got.replace("\n", "; "), name)
    start = mapped.start_of(view) if view.nbytes else 0
    if start is None:
        got = f"a compressed column {name!r:.80}"
        return partial(refuse, _PROTOCOL, "compression", "elements as they are in memory", got, _WRITE)
    return partial(mapped.view, start, view.shape, view.dtype, view.strides)


def _is_of_numbers(kind: Any) -> bool:
    """Whether elements, or those of lists of one length and of tensors, are numbers of whole bytes."""
    types = importlib.import_module("pyarrow").types
    if types.is_fixed_size_list(kind):
        return _is_of_numbers(kind.value_type)
    extension = getattr(kind, "extension_name", None)
    if extension == "arrow.fixed_shape_tensor":
        kind = kind.value_type
    return extension == "arrow.bool8" or types.is_integer(kind) or types.is_floating(kind)


def _has_nulls(column: Any) -> bool:
    """Whether an element at any level is null. Tensors outside a table have none."""
    column = getattr(column, "storage", column)
    if getattr(column, "null_count", 0):
        return True
    return hasattr(column.type, "list_size") and _has_nulls(column.flatten())


def _view(column: Any) -> _core.View:
    """Return the memory of a column or tensor; that of lists of one length has an axis for them."""
    width = getattr(column.type, "list_size", None)
    if width is None:
        return _core.view(column)
    values = _view(column.flatten())
    shape = (len(column), width, *values.shape[1:])
    strides = (width * values.strides[0], *values.strides)
    return _core.from_pointer(values.ptr, shape, values.dtype, strides, "cpu", values, True)
