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
            return _tensors(pyarrow, source, mapped)
        except (pyarrow.ArrowException, OSError) as error:
            got = str(error).replace("\n", " ")
            raise mapped.refusal("format", "a file that pyarrow can read", f"{got:.200}", _WRITE) from None


def _is_file(file: BinaryIO, mapped: MappedFile) -> bool:
    magic = file.read(len(_MAGIC))
    if magic[:4] in _OTHERS:
        raise mapped.refusal("format", "an Arrow IPC file", _OTHERS[magic[:4]], _WRITE)
    return magic == _MAGIC


def _columns(reader: Any, batch: int | None, mapped: MappedFile) -> Arrays:
    count = reader.num_record_batches
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
    makers = {name: _maker(columns.column(i), name, mapped) for i, name in enumerate(names)}
    found = reader.schema.metadata or {}
    metadata = {key.decode(errors="replace"): value.decode(errors="replace") for key, value in found.items()}
    return Arrays(makers, [mapped], MappingProxyType(metadata))


def _tensors(pyarrow: Any, source: Any, mapped: MappedFile) -> Arrays:
    """Return the tensors that stand one after another in the file, by their numbers."""
    makers: dict[str, partial[Any]] = {}
    while source.tell() < mapped.size:
        name = str(len(makers))
        makers[name] = _maker(pyarrow.ipc.read_tensor(source), name, mapped)
    return Arrays(makers, [mapped], MappingProxyType({}))


def _maker(column: Any, name: str, mapped: MappedFile) -> partial[Any]:
    """Return what makes the View: our importer says whether the column can be one, and of which memory."""
    try:
        view = _view(column)
    except SharingError as refused:
        reason = refused.got.replace("\n", "; ")
        return partial(refuse, _PROTOCOL, "column", "a column of numbers", f"{reason} for {name!r:.80}")
    start = mapped.start_of(view) if view.nbytes else 0
    if start is None:
        got = f"a compressed column {name!r:.80}"
        return partial(refuse, _PROTOCOL, "compression", "elements as they are in memory", got, _WRITE)
    return partial(mapped.view, start, view.shape, view.dtype, view.strides)


def _view(column: Any) -> _core.View:
    """Return the memory of a column or tensor; that of lists of one length has an axis for them."""
    width = getattr(getattr(column, "type", None), "list_size", None)
    if width is None or column.null_count:
        return _core.view(column)
    values = _view(column.flatten())
    shape = (len(column), width, *values.shape[1:])
    return _core.from_pointer(values.ptr, shape, values.dtype, None, "cpu", values, True)
