/// The same function with its array in every form that C++ has, in every place.
#include <cstddef>
#include <optional>
#include <string>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

using lent = borrowed<float, ndim<1>>;
using kept = shared<float, ndim<1>>;

/// Writes to the array. Returns how many weak references it has: that is how ndarrays are pinned.
template <class Spec> std::size_t write_to(const array_argument<Spec>& x) {
    const py::gil_scoped_acquire gil; // under a call guard
    x(0) = 7;
    return py::module_::import("weakref").attr("getweakrefcount")(x.object()).template cast<std::size_t>();
}
template <class Spec> std::size_t write_to(const array_argument<Spec>* x) { return write_to(*x); }
template <class Argument> std::size_t write_to(const std::optional<Argument>& x) { return write_to(*x); }

template <class Form> struct taker {
    std::size_t pins;
};

template <class Form> void def_form(py::module_& m, const std::string& name) {
    m.def(name.c_str(), [](Form x) { return write_to(x); }, py::arg("x"));
    m.def((name + "_last").c_str(), [](int, double, const std::string&, Form x) { return write_to(x); }, py::arg("a"),
          py::arg("b"), py::arg("c"), py::arg("x"));
    m.def((name + "_guarded").c_str(), [](Form x) { return write_to(x); }, py::arg("x"),
          py::call_guard<py::gil_scoped_release>());
    py::class_<taker<Form>>(m, (name + "_taker").c_str(), py::module_local())
        .def(py::init([](Form x) { return taker<Form>{write_to(x)}; }), py::arg("x"))
        .def_readonly("pins", &taker<Form>::pins)
        .def("method", [](const taker<Form>&, Form x) { return write_to(x); }, py::arg("x"));
}

} // namespace

void register_forms(py::module_& m) {
    py::module_ forms = m.def_submodule("forms");
    def_form<lent>(forms, "value");
    def_form<lent&>(forms, "reference");
    def_form<const lent&>(forms, "const_reference");
    def_form<lent&&>(forms, "rvalue");
    def_form<lent*>(forms, "pointer");
    def_form<const lent*>(forms, "const_pointer");
    def_form<std::optional<lent>>(forms, "optional");
    def_form<const std::optional<lent>&>(forms, "const_optional");
    def_form<kept>(forms, "shared");
    def_form<const kept&>(forms, "const_shared");
    def_form<std::optional<kept>>(forms, "optional_shared");
}
