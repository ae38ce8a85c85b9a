#include "errors.hpp"

#include <exception>

namespace numpy_bridge {

namespace {

py::object exception_class(const char* name) { return py::module_::import("numpy_bridge.errors").attr(name); }

/// Text from a producer may not be valid UTF-8.
py::object decoded(const std::string& text) {
    return engine::stolen(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

void translate(std::exception_ptr pending) {
    try {
        std::rethrow_exception(std::move(pending));
    } catch (const sharing_error& error) {
        const py::object exception = python_exception(error.why());
        PyErr_SetObject(py::type::handle_of(exception).ptr(), exception.ptr());
    } catch (const cuda_error& error) {
        const py::object type = exception_class("CudaError");
        const py::object exception = engine::called(type, py::make_tuple(error.call(), error.name(), error.text()));
        PyErr_SetObject(type.ptr(), exception.ptr());
    } catch (const too_hard_error& error) {
        PyErr_SetString(exception_class("TooHardError").ptr(), error.what());
    }
}

} // namespace

py::object python_exception(const refusal& why) {
    return engine::called(exception_class("SharingError"),
                          py::make_tuple(decoded(why.protocol), decoded(why.field), decoded(why.expected),
                                         decoded(why.got), decoded(why.hint)));
}

void set_python_exception() noexcept {
    try {
        try {
            translate(std::current_exception());
        } catch (py::error_already_set& error) {
            error.restore();
        } catch (const py::builtin_exception& error) {
            error.set_error();
        } catch (const std::bad_alloc&) {
            PyErr_NoMemory();
        } catch (const std::exception& error) {
            PyErr_SetString(PyExc_RuntimeError, error.what());
        }
    } catch (py::error_already_set& error) { // while the exception was being made
        error.restore();
    }
}

void register_errors() { py::register_local_exception_translator(translate); }

} // namespace numpy_bridge
