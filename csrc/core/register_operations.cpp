/// add_ and copy_: operations in place on whoever's memory, on the CPU or a CUDA device by where the memory is.
#include "fast_function.hpp"
#include "register.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

constexpr signature<2> add_signature{"add_", 2, {"x", "y"}};
constexpr signature<3> copy_signature{"copy_", 2, {"dst", "src", "non_blocking"}};

[[noreturn]] void not_yet(const char* name) {
    PyErr_SetString(PyExc_NotImplementedError, name);
    throw py::error_already_set();
}

py::object call_add(const arguments<2>&) { not_yet("add_"); }
py::object call_copy(const arguments<3>&) { not_yet("copy_"); }

constexpr const char* add_doc = R"(add_(x: object, y: object) -> object

Add `y` to `x` in place, on whoever's memory, and return `x`.
)";

constexpr const char* copy_doc = R"(copy_(dst: object, src: object, *, non_blocking: bool = False) -> object

Copy the values of `src` into `dst`, and return `dst`.
)";

} // namespace

void register_operations(py::module_& module) {
    static PyMethodDef methods[] = {fast_method("add_", fast_function<add_signature, call_add>, add_doc),
                                    fast_method("copy_", fast_function<copy_signature, call_copy>, copy_doc),
                                    {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
}

} // namespace numpy_bridge
