/// add_ and copy_: operations in place on whoever's memory, on the CPU or a CUDA device by where the memory is.
#include "fast_function.hpp"
#include "in_place.hpp"
#include "number.hpp"
#include "operands.hpp"
#include "register.hpp"

namespace numpy_bridge {

namespace {

constexpr signature<2> add_signature{"add_", 2, {"x", "y"}};
constexpr signature<3> copy_signature{"copy_", 2, {"dst", "src", "non_blocking"}};

py::object call_add(const arguments<2>& given) {
    const operand x("add_", given[0], true);
    const place target{x.description(), x.stream()};
    if (is_number(given[1])) {
        require_addition(target.at.type.id);
        const element_bytes value = element_of("add_", given[1], target.at.type.id);
        x.require_unmoved("add_");
        add_in_place(target, value.bytes.data());
    } else {
        const operand y("add_", given[1], false);
        x.require_unmoved("add_");
        y.require_unmoved("add_");
        add_in_place(target, {y.description(), y.stream()});
    }
    return py::reinterpret_borrow<py::object>(given[0]);
}

py::object call_copy(const arguments<3>& given) {
    const bool non_blocking = is_true(given[2], false);
    const operand target("copy_", given[0], true), source("copy_", given[1], false);
    target.require_unmoved("copy_");
    source.require_unmoved("copy_");
    copy_in_place({target.description(), target.stream()}, {source.description(), source.stream()}, non_blocking);
    return py::reinterpret_borrow<py::object>(given[0]);
}

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
