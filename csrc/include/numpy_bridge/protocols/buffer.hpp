/// The buffer protocol (PEP 3118), import and export.
#pragma once

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

// One thread at a time takes or releases exports of an exporter. Without the GIL, CPython 3.13 counts those of
// bytearray and memoryview without a lock or an atomic, and a lost count would let a bytearray move under its
// aliases.

void release_buffer(void* context);

/// A buffer export of `x`, whose context is the Py_buffer. Empty, with a Python exception set, if
/// `x` refuses.
owner hold_buffer(PyObject* x, int flags = PyBUF_FULL_RO);

/// Reads the fields of a filled Py_buffer and validates all of them.
void describe_buffer(const Py_buffer& view, const request& wanted, imported& out);

} // namespace engine

/// Takes a buffer export of `x` and holds it in `out.lease`: a bytearray cannot grow and a
/// mmap cannot close meanwhile. False if the type has no buffer; raises sharing_error if it has one
/// that cannot be shared.
bool import_buffer(PyObject* x, const engine::request& wanted, imported& out);

/// The last resort: shares the bytes of exporters that answer PyBUF_SIMPLE only and do not describe elements.
/// False if `import_buffer` could take an export.
bool import_plain_bytes(PyObject* x, const engine::request&, imported& out);

/// Fills `view` for a consumer, as `bf_getbuffer` of `exporter` must; `exporter` keeps `m` alive.
/// Raises sharing_error (a BufferError) for requests that `m` cannot meet.
void export_buffer(PyObject* exporter, const memory& m, Py_buffer* view, int flags);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/buffer.cpp"
#endif
