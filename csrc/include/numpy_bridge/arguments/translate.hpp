/// Refusals as Python exceptions, in extensions that know nothing of numpy_bridge's own.
#pragma once

#include <exception>
#include <utility>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// From now on a sharing_error that leaves a function of this extension is a BufferError, as SharingError is.
inline void translate_refusals() {
    static const bool once = [] {
        py::register_local_exception_translator([](std::exception_ptr pending) {
            try {
                std::rethrow_exception(std::move(pending));
            } catch (const sharing_error& error) {
                PyErr_SetString(PyExc_BufferError, error.what());
            }
        });
        return true;
    }();
    static_cast<void>(once);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
