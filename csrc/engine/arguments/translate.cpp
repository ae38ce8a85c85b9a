#include <numpy_bridge/arguments/translate.hpp>

#include <exception>
#include <utility>

#include <pybind11/gil_safe_call_once.h>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE void register_with_pybind11() {
    py::register_local_exception_translator([](std::exception_ptr pending) {
        try {
            std::rethrow_exception(std::move(pending));
        } catch (const sharing_error& error) {
            PyErr_SetString(PyExc_BufferError, error.what());
        }
    });
}

NUMPY_BRIDGE_INLINE void start_translating_refusals() {
    if (PyGILState_Check() == 0) { // results may be made while others run
        const py::gil_scoped_acquire gil;
        return start_translating_refusals();
    }
    PYBIND11_CONSTINIT static py::gil_safe_call_once_and_store<bool> done;
    done.call_once_and_store_result([] {
        register_translator();
        refusals_are_translated.store(true, std::memory_order_release);
        return true;
    });
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
