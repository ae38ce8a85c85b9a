#include "stream_argument.hpp"

#include <string>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/error.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

namespace numpy_bridge {

namespace {

constexpr const char *expected_pair = "a pair of the version 0 and a handle",
                     *how_to_name = "pass the handle of a stream as an integer";

[[noreturn]] void refuse_kind(const char* protocol, PyObject* given) {
    const std::string function = std::string(protocol) == "pointer" ? "from_pointer" : protocol;
    throw py::type_error(function +
                         "(): stream: expected an integer, an object with __cuda_stream__, or a stream of "
                         "torch or CuPy, got " +
                         engine::type_name(given));
}

bool is_integer(PyObject* x) { return PyLong_Check(x) != 0 && PyBool_Check(x) == 0; }

/// The handle of a stream object, where NULL is the legacy default stream.
std::uintptr_t number_of_handle(const char* protocol, const char* field, py::handle handle) {
    if (!is_integer(handle.ptr())) engine::refuse(protocol, field, "a handle", engine::shown(handle), how_to_name);
    const auto number = static_cast<std::uintptr_t>(PyLong_AsSize_t(handle.ptr()));
    if (PyErr_Occurred() != nullptr) {
        PyErr_Clear();
        engine::refuse(protocol, field, "a handle", engine::shown(handle), how_to_name);
    }
    return number == 0 ? engine::legacy_default_stream : number;
}

/// The protocol of cuda.core.
std::uintptr_t number_of_pair(const char* protocol, const py::object& answer) {
    constexpr const char* field = "__cuda_stream__";
    if (PyTuple_Check(answer.ptr()) == 0 || PyTuple_GET_SIZE(answer.ptr()) != 2)
        engine::refuse(protocol, field, expected_pair, engine::shown(answer), how_to_name);
    const py::handle version = PyTuple_GET_ITEM(answer.ptr(), 0);
    if (!is_integer(version.ptr()) || engine::read_integer(protocol, field, version) != 0)
        engine::refuse(protocol, field, expected_pair, engine::shown(answer), how_to_name);
    return number_of_handle(protocol, field, PyTuple_GET_ITEM(answer.ptr(), 1));
}

std::uintptr_t number_of_integer(const char* protocol, PyObject* given) {
    const auto number = static_cast<std::uintptr_t>(PyLong_AsSize_t(given));
    const bool fits = PyErr_Occurred() == nullptr;
    PyErr_Clear();
    if (fits && number != 0) return number;
    engine::refuse(protocol, "stream", "1, 2 or a stream's handle", engine::shown(given),
                   fits ? "0 could mean either default stream: 1 legacy, 2 per thread"
                        : "leave the keyword out for the stream that the memory itself names");
}

} // namespace

std::uintptr_t stream_number(const char* protocol, PyObject* given) {
    if (given == nullptr || given == Py_None) return 0;
    if (is_integer(given)) return number_of_integer(protocol, given);
    if (const py::object protocol_of_it = engine::protocol_attribute(given, "__cuda_stream__"))
        return number_of_pair(protocol,
                              PyCallable_Check(protocol_of_it.ptr()) != 0 ? protocol_of_it() : protocol_of_it);
    const std::string package = engine::package_of(given);
    const char* attribute = package == "torch" ? "cuda_stream" : package == "cupy" ? "ptr" : nullptr;
    const py::object handle = attribute == nullptr ? py::object() : engine::optional_attribute(given, attribute);
    if (!handle) refuse_kind(protocol, given);
    return number_of_handle(protocol, "stream", handle);
}

void require_memory_with_streams(const char* protocol, device where) {
    if (is_cuda(where)) return;
    engine::refuse(protocol, "stream", "memory on a CUDA device, where streams are", "memory on " + name_of(where),
                   "leave the keyword stream out");
}

} // namespace numpy_bridge
