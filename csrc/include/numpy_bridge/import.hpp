/// The one policy that turns any Python object into memory.
#pragma once

#include <string>
#include <vector>

#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

namespace numpy_bridge {

namespace detail {

/// Fills `out` and returns true, returns false for "not mine", or raises sharing_error.
using importer = bool (*)(PyObject* x, purpose why, imported& out);

/// In order of trust: an exchange table answers exactly, a buffer states read-only and locks its
/// owner, a capsule may do neither.
inline constexpr importer protocols[] = {import_exchange_api, import_buffer, import_dlpack};

[[noreturn]] inline void refuse_object(PyObject* x, const std::vector<refusal>& refusals) {
    if (refusals.size() == 1) throw sharing_error(refusals.front());
    std::string got, hint;
    for (const refusal& why : refusals) {
        got += (got.empty() ? "" : " | ") + why.protocol + ": " + why.field + ": expected " + why.expected + ", got " +
               why.got;
        if (hint.empty()) hint = why.hint;
    }
    refuse(type_name(x).c_str(), "protocols", "one protocol that can share it", got, hint);
}

[[noreturn]] inline void refuse_type(PyObject* x) {
    const bool sequence =
        PyList_Check(x) != 0 || PyTuple_Check(x) != 0 || PyLong_Check(x) != 0 || PyFloat_Check(x) != 0;
    throw py::type_error(type_name(x) + " has no memory to share: it speaks neither the buffer protocol nor DLPack" +
                         (sequence ? "; make an array of it first, e.g. numpy.asarray(x)" : ""));
}

} // namespace detail

/// Describes the memory behind `x`, and for `purpose::share` takes a lease on it.
///
/// Types that are known exactly come first, then the protocols in a fixed order. Raises
/// sharing_error, naming every protocol that was tried and why it refused, or TypeError for objects
/// that speak none. Needs the GIL.
inline void import_object(PyObject* x, purpose why, imported& out) {
    if (import_ndarray(x, why, out) || import_tensor(x, why, out)) return;
    std::vector<refusal> refusals;
    for (const detail::importer import : detail::protocols) {
        try {
            if (import(x, why, out)) return;
        } catch (sharing_error& error) {
            out.lease.reset();
            out.pin = py::object();
            refusals.push_back(error.why());
        }
    }
    if (refusals.empty()) detail::refuse_type(x);
    detail::refuse_object(x, refusals);
}

} // namespace numpy_bridge
