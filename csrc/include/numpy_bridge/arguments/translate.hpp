/// Refusals as Python exceptions, in extensions that know nothing of numpy_bridge's own.
#pragma once

#include <exception>
#include <utility>

#include <pybind11/gil_safe_call_once.h>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// From now on a sharing_error that leaves a function of this extension is a BufferError, as SharingError is.
inline void translate_refusals() {
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<bool> done;
    done.call_once_and_store_result([] {
        py::register_local_exception_translator([](std::exception_ptr pending) {
            try {
                std::rethrow_exception(std::move(pending));
            } catch (const sharing_error& error) {
                PyErr_SetString(PyExc_BufferError, error.what());
            }
        });
        return true;
    });
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
