/// Functions that write, in every form that an array argument has.
#include <optional>
#include <stdexcept>
#include <vector>

#include <numpy_bridge/pybind11.hpp>
#include <pybind11/stl.h>

#include "register.hpp"

using namespace numpy_bridge;

namespace {

template <class Array> void fill(const Array& x, float value) {
    for (std::int64_t i = 0; i < x.shape(0); ++i) x(i) = value;
}

template <class Argument> void def_filling(py::module_& m, const char* name) {
    m.def(name, [](Argument x, float value) { fill(x, value); }, py::arg("x"), py::arg("value"));
}

} // namespace

void register_writes(py::module_& m) {
    def_filling<borrowed<float, ndim<1>>>(m, "fill");
    def_filling<const borrowed<float, ndim<1>>&>(m, "fill_by_reference");
    def_filling<borrowed<float, ndim<1>>&&>(m, "fill_by_rvalue");
    def_filling<borrowed<float, ndim<1>, unchecked>>(m, "fill_unchecked");
    def_filling<shared<float, ndim<1>>>(m, "fill_shared");
    m.def("fill_optional", [](std::optional<borrowed<float, ndim<1>>> x, float value) { fill(*x, value); });
    m.def("fill_all", [](const std::vector<borrowed<float, ndim<1>>>& all, float value) {
        for (const auto& x : all) fill(x, value);
    });
    m.def(
        "fill_without_gil", [](borrowed<float, ndim<1>> x, float value) { fill(x, value); },
        py::call_guard<py::gil_scoped_release>());
    m.def("fill_cast", [](const py::object& x, float value) { fill(x.cast<borrowed<float, ndim<1>>>(), value); });
    m.def("fill_and_throw", [](borrowed<float, ndim<1>> x, float value) {
        fill(x, value);
        throw std::runtime_error("after writing");
    });
    m.def("call_and_fill", [](borrowed<float, ndim<1>> x, float value, const py::function& first) {
        first();
        fill(x, value);
    });
    m.def("fill_one_of", [](borrowed<double, ndim<1>>, float) {});
    m.def("fill_one_of", [](borrowed<float, ndim<1>> x, float value) { fill(x, value); });
    m.def("only_read", [](borrowed<const float, ndim<1>> x, float) { return x(0); });
    m.def("either_reads", [](borrowed<float, ndim<1>>, int) {});
    m.def("either_reads", [](borrowed<const float, ndim<1>> x, float) { return x(0); });
}
