/// One function for each constraint, and overloads: what callers read when they are refused.
#include <complex>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

template <class Argument> void def_taking(py::module_& m, const char* name) {
    m.def(name, [](Argument x) { return x.size(); }, py::arg("x"));
}

void register_constraints(py::module_& m) {
    def_taking<borrowed<float, ndim<2>, c_contiguous>>(m, "matrix");
    def_taking<borrowed<const float>>(m, "float32");
    def_taking<borrowed<const one_of<float, double>>>(m, "floats");
    def_taking<borrowed<const void>>(m, "anything");
    def_taking<borrowed<const std::int64_t, ndim<1>>>(m, "vector");
    def_taking<borrowed<const float, extents<-1, 3>>>(m, "points");
    def_taking<borrowed<const float, f_contiguous>>(m, "fortran");
    def_taking<borrowed<const float, any_contiguous>>(m, "gap_free");
    def_taking<borrowed<float>>(m, "writable");
    def_taking<borrowed<const float, cuda>>(m, "on_cuda");
    def_taking<borrowed<const float, aligned<64>>>(m, "aligned");
    def_taking<borrowed<const float, unchecked>>(m, "unchecked");
    def_taking<shared<float>>(m, "shared");
    def_taking<shared<const float>>(m, "shared_const");
    m.def(
        "convertible",
        [](borrowed<const float, c_contiguous, allow_copy> x) {
            float sum = 0;
            for (const float value : x) sum += value;
            return py::make_tuple(sum, x.copied());
        },
        py::arg("x"));
    m.def(
        "convertible_f",
        [](borrowed<const double, ndim<2>, f_contiguous, allow_copy> x) { return py::make_tuple(x(0, 1), x.copied()); },
        py::arg("x"));
    m.def(
        "narrowed",
        [](borrowed<const std::uint8_t, c_contiguous, allow_cast> x) { return std::vector<int>(x.begin(), x.end()); },
        py::arg("x"));
    m.def(
        "nearest",
        [](borrowed<const one_of<float, std::complex<float>>, allow_cast> x) { return info(x.dtype()).name; },
        py::arg("x"));
    m.def(
        "kept",
        [](borrowed<const one_of<std::int16_t, std::int64_t, float, std::complex<float>>, allow_copy> x) {
            return info(x.dtype()).name;
        },
        py::arg("x"));
    m.def("two", [](borrowed<float> x, borrowed<float> y) { return x.size() + y.size(); }, py::arg("x"), py::arg("y"));
    m.def("unnamed", [](int, borrowed<float> x) { return x.size(); });
    m.def(
        "late", [](int, int, int, borrowed<float> x) { return x.size(); }, py::arg("a"), py::arg("b"), py::arg("c"),
        py::arg("x"));
}

void register_overloads(py::module_& m) {
    m.def("by_dtype", [](borrowed<const float>) { return "float32"; }, py::arg("x"));
    m.def("by_dtype", [](borrowed<const double>) { return "float64"; }, py::arg("x"));
    m.def("by_dtype", [](borrowed<const std::int64_t>) { return "int64"; }, py::arg("x"));
    m.def("by_ndim", [](borrowed<const float, ndim<1>>) { return 1; }, py::arg("x"));
    m.def("by_ndim", [](borrowed<const float, ndim<2>>) { return 2; }, py::arg("x"));
    m.def("by_device", [](borrowed<const float, cuda>) { return "cuda"; }, py::arg("x"));
    m.def("by_device", [](borrowed<const float, cpu>) { return "cpu"; }, py::arg("x"));
    m.def("by_arity", [](borrowed<const float>) { return 1; }, py::arg("x"));
    m.def("by_arity", [](borrowed<const float>, borrowed<const float>) { return 2; }, py::arg("x"), py::arg("y"));
    m.def("exact_first", [](borrowed<const float, allow_copy>) { return "converted"; }, py::arg("x"));
    m.def("exact_first", [](borrowed<const double>) { return "exact"; }, py::arg("x"));
    m.def("copy_and_number", [](borrowed<const float, allow_copy>, int) { return 0; }, py::arg("x"), py::arg("k"));
    m.def(
        "widest", [](borrowed<const one_of<float, double>, allow_copy> x) { return info(x.dtype()).name; },
        py::arg("x"));
    m.def("or_number", [](borrowed<const float>) { return "array"; }, py::arg("x"));
    m.def("or_number", [](double) { return "number"; }, py::arg("x"));
    m.def("or_list", [](double, borrowed<const float>) { return "array"; }, py::arg("k"), py::arg("x"));
    m.def("or_list", [](double, const std::vector<double>&) { return "list"; }, py::arg("k"), py::arg("x"));
    m.def("or_text", [](const std::string&) { return "text"; }, py::arg("x"));
    m.def("or_text", [](borrowed<const float>) { return "array"; }, py::arg("x"));
}

/// Arguments in every form that a caster can pass, and beside others.
void register_positions(py::module_& m) {
    m.def(
        "six",
        [](borrowed<float> a, const borrowed<float>& b, borrowed<float>&& c, const borrowed<float>* d,
           std::optional<borrowed<float>> e, const shared<float>& f) {
            return a.size() + b.size() + c.size() + d->size() + (e ? e->size() : 0) + f.size();
        },
        py::arg("a"), py::arg("b"), py::arg("c"), py::arg("d"), py::arg("e"), py::arg("f"));
    m.def(
        "mixed",
        [](int, borrowed<float> b, const std::string&, const borrowed<float>& d, double, const shared<float>& f) {
            return b.size() + d.size() + f.size();
        },
        py::arg("a"), py::arg("b"), py::arg("c"), py::arg("d"), py::arg("e"), py::arg("f"));
    m.def("sixfold", [](int, int, int, int, int, borrowed<float>) { return "float32"; });
    m.def("sixfold", [](int, int, int, int, int, borrowed<double>&&) { return "float64"; });
    m.def("sixfold", [](int, int, int, int, int, std::optional<shared<std::int64_t>>) { return "int64"; });
}

struct operand {
    bool operator_called = false;
};

} // namespace

void register_errors(py::module_& m) {
    register_constraints(m);
    register_overloads(m);
    register_positions(m);
    py::class_<operand>(m, "Operand", py::module_local())
        .def(py::init<>())
        .def(
            "__add__", [](const operand&, borrowed<const float> x) { return x.size(); }, py::is_operator())
        .def("method", [](const operand&, borrowed<const float> x) { return x.size(); })
        .def(
            "pair", [](operand&, borrowed<float> x, const shared<float>* y) { return x.size() + y->size(); },
            py::arg("x"), py::arg("y"))
        .def_property("array", [](const operand&) { return 0; }, [](operand&, borrowed<const float>) {});
}
