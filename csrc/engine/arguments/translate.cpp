#include <numpy_bridge/arguments/translate.hpp>

#include <exception>
#include <utility>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

NUMPY_BRIDGE_INLINE void translate(std::exception_ptr pending) {
    try {
        std::rethrow_exception(std::move(pending));
    } catch (const sharing_error& error) {
        PyErr_SetString(PyExc_BufferError, error.what());
    }
}

/// Threads that meet here without a GIL may each register a translator. The first one translates.
NUMPY_BRIDGE_INLINE void start_translating_refusals() {
    const engine::with_gil scope; // results may be made while others run
    if (refusals_are_translated.load(std::memory_order_relaxed)) return;
#ifdef NUMPY_BRIDGE_NANOBIND
    py::register_exception_translator([](const std::exception_ptr& pending, void*) { translate(pending); });
#else
    py::register_local_exception_translator([](std::exception_ptr pending) { translate(std::move(pending)); });
#endif
    refusals_are_translated.store(true, std::memory_order_release);
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
