/// Loads one argument of a call: imports it, compares it with the requirements, and copies it if allowed.
#pragma once

#include <memory>

#include <numpy_bridge/arguments/reasons.hpp>
#include <numpy_bridge/imported.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The result of loading an argument.
struct loaded_argument {
    imported in;
    PyObject* object = nullptr; ///< the caller's, or the copy of it
    py::object copy;            ///< empty if none was made
};

/// Imports `x` and tests it against `r`. Where `r` allows copies and `convert` is true, an argument that does not fit
/// is copied, and the caller keeps the copy until the bound function returns. Returns null on success, else the
/// reason. Raises only errors that are not about the argument, such as KeyboardInterrupt.
std::unique_ptr<const refused_argument> load_argument(PyObject* x, const requirements& r, engine::hold held,
                                                      bool convert, loaded_argument& out);

/// Numbers, text and containers have no memory. Overload resolution tests them often, so this test raises no
/// exception.
bool has_no_memory(PyObject* x);

/// Raises the TypeError for memory that moved after it was loaded.
[[noreturn]] void raise_moved();

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/load.cpp"
#endif
