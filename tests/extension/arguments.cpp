/// Borrowing and sharing: what a function sees of an array.
#include <algorithm>
#include <bitset>
#include <charconv>
#include <chrono>
#include <limits>
#include <numeric>
#include <optional>
#include <set>
#include <thread>
#include <variant>
#include <vector>

#include <Eigen/Core>
#include <pybind11/complex.h>
#include <pybind11/stl.h>

// Our headers compile where these are macros, as windows.h has them.
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define max(a, b) (((a) > (b)) ? (a) : (b))
#include <numpy_bridge/eigen.hpp>
#include <numpy_bridge/pybind11.hpp>
#undef min
#undef max

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

template <class Argument> py::dict facts(const Argument& x) {
    py::list shape, strides;
    for (int i = 0; i < x.ndim(); ++i) {
        shape.append(x.shape(i));
        strides.append(x.stride(i));
    }
    py::dict result;
    result["shape"] = py::tuple(shape);
    result["strides"] = py::tuple(strides);
    result["dtype"] = info(x.dtype()).name;
    result["size"] = x.size();
    result["device"] = name_of(x.device());
    result["stream"] = reinterpret_cast<std::uintptr_t>(x.stream());
    result["readonly"] = x.readonly();
    result["copied"] = x.copied();
    result["ptr"] = reinterpret_cast<std::uintptr_t>(x.data());
    return result;
}

void register_borrows(py::module_& m) {
    m.def("facts", [](borrowed<const void, any_device> x) { return facts(x); }, py::arg("x"));
    m.def("facts_of_shared", [](const shared<const void, any_device>& x) { return facts(x); }, py::arg("x"));
    m.def(
        "scale",
        [](borrowed<float, ndim<2>, c_contiguous> x, float k) {
            for (std::int64_t i = 0; i < x.shape(0); ++i)
                for (std::int64_t j = 0; j < x.shape(1); ++j) x(i, j) *= k;
        },
        py::arg("x"), py::arg("k"));
    m.def(
        "increment",
        [](borrowed<double, ndim<3>> x) {
            for (std::int64_t i = 0; i < x.shape(0); ++i)
                for (std::int64_t j = 0; j < x.shape(1); ++j)
                    for (std::int64_t k = 0; k < x.shape(2); ++k) x(i, j, k) += 1;
        },
        py::arg("x"));
    m.def(
        "total", [](borrowed<const double, any_contiguous> x) { return std::accumulate(x.begin(), x.end(), 0.0); },
        py::arg("x"));
    m.def("corner", [](borrowed<const double> x) {
        return x.ndim() == 1 ? x(0) : x.ndim() == 2 ? x(0, x.shape(1) - 1) : -1;
    });
    m.def("scalar", [](borrowed<const double, ndim<0>> x) { return x(); });
    m.def("fill_complex", [](borrowed<std::complex<float>, ndim<1>> x, std::complex<float> value) {
        for (std::int64_t i = 0; i < x.shape(0); ++i) x(i) = value;
    });
    m.def("add", [](int, double, const std::string&, borrowed<double, ndim<1>> x, borrowed<const double, ndim<1>> y) {
        for (std::int64_t i = 0; i < x.shape(0); ++i) x(i) += y(i);
    });
}

void register_containers(py::module_& m) {
    m.def("optional", [](std::optional<borrowed<float>> x) { return x ? x->size() : -1; }, py::arg("x") = py::none());
    m.def("many", [](const std::vector<borrowed<const float, ndim<1>>>& all) {
        float sum = 0;
        for (const auto& x : all)
            for (std::int64_t i = 0; i < x.shape(0); ++i) sum += x(i);
        return sum;
    });
    m.def(
        "many_by_name", [](int, const std::vector<borrowed<float, ndim<1>>>& parts) { return parts.size(); },
        py::arg("i"), py::arg("parts"));
    m.def(
        "either",
        [](const std::variant<borrowed<const float>, borrowed<const double, ndim<2>>>& x) { return x.index(); },
        py::arg("x"));
    m.def(
        "array_or_number", [](const std::variant<borrowed<const float>, double>& x) { return x.index(); },
        py::arg("x"));
    m.def("by_reference", [](const borrowed<float>& x) { return x.size(); });
    m.def("by_rvalue", [](borrowed<float>&& x) { return x.size(); });
    m.def("cast", [](const py::object& x) { return x.cast<borrowed<const float>>().size(); });
}

void register_eigen(py::module_& m) {
    m.def("eigen_double", [](borrowed<double, ndim<2>> x) { as_eigen(x) *= 2; });
    m.def("eigen_double_c", [](borrowed<double, ndim<2>, c_contiguous> x) { as_eigen(x) *= 2; });
    m.def("eigen_double_f", [](borrowed<double, ndim<2>, f_contiguous> x) { as_eigen(x) *= 2; });
    m.def("eigen_columns", [](borrowed<double, ndim<2>> x) {
        const Eigen::Ref<Eigen::MatrixXd, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>> columns =
            as_eigen<Eigen::ColMajor>(x);
        for (Eigen::Index i = 0; i < columns.rows(); ++i)
            for (Eigen::Index j = 0; j < columns.cols(); ++j)
                x(i, j) = columns(i, j) + 10 * static_cast<double>(i) + static_cast<double>(j);
    });
    m.def("eigen_dot", [](borrowed<const double, ndim<1>> x, borrowed<const double, ndim<1>, c_contiguous> y) {
        return as_eigen(x).dot(as_eigen(y));
    });
}

class keeper {
public:
    explicit keeper(shared<const float, ndim<1>> x) : x_(std::move(x)) {}
    float at(std::int64_t i) const { return x_(i); }
    py::object source() const { return x_.object(); }

private:
    shared<const float, ndim<1>> x_;
};

} // namespace

void register_arguments(py::module_& m) {
    register_borrows(m);
    register_containers(m);
    register_eigen(m);
    py::class_<keeper>(m, "Keeper", py::module_local())
        .def(py::init<shared<const float, ndim<1>>>(), py::arg("x"))
        .def("at", &keeper::at)
        .def("source", &keeper::source)
        .def(
            "dot",
            [](const keeper& self, borrowed<const float, ndim<1>> y) {
                float sum = 0;
                for (std::int64_t i = 0; i < y.shape(0); ++i) sum += self.at(i) * y(i);
                return sum;
            },
            py::arg("y"));
    m.def("span_size", [](borrowed<const float, c_contiguous> x) {
#ifdef __cpp_lib_span
        return static_cast<std::int64_t>(x.as_span().size());
#else
        return x.size();
#endif
    });
}
