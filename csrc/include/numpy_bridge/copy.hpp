/// The values of an object, to copy from. NumPy and torch make the copies.
#pragma once

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Whether a copy avoids this refusal of a tensor: negation or conjugation is pending, or the memory is on a device.
bool is_cured_by_copy(const refusal& why) noexcept;

/// An object whose memory holds the values of `x`: for a tensor a tensor without negation, conjugation and autograd,
/// for anything else an ndarray. It shares the memory of `x` if possible, so it must not be
/// written. Raises sharing_error if `x` has no values or NumPy lacks their dtype.
py::object values_of(PyObject* x);

/// An ndarray over the memory of `x`, which must not be written. Raises sharing_error for memory on a device.
py::object array_over(PyObject* x);

/// The same, for memory already imported from `x`.
py::object array_over(PyObject* x, imported& in);

/// Completes a refusal of `x` that is final. The hint to copy becomes `how`, the way to copy that the caller has, or is
/// dropped where no copy can be made.
void finish_hint(PyObject* x, refusal& why, const std::string& how);

/// Runs `f`, whose refusals of `x` are final: their hints are finished with `how`.
template <class F> auto finally_refused(PyObject* x, const char* how, F f) {
    try {
        return f();
    } catch (const sharing_error& error) {
        refusal why = error.why();
        finish_hint(x, why, how);
        throw sharing_error(why);
    }
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/copy.cpp"
#endif
