/// Memory made in C++ that becomes an array.
#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <numpy_bridge/eigen.hpp>
#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

int freed = 0;

owned<float> counted(std::vector<std::int64_t> shape) {
    auto* data = new float[6]{0, 1, 2, 3, 4, 5};
    return own(data, std::move(shape), [](float* p) {
        ++freed;
        delete[] p;
    });
}

/// Holds elements that Python reaches through it only.
class sound {
public:
    ~sound() { ++freed; }
    float* data() noexcept { return data_; }

private:
    float data_[6] = {0, 1, 2, 3, 4, 5};
};

/// 0, 1, 2, ... row by row, whatever the order in memory.
template <class Matrix> Matrix counted_by_rows(Matrix m) {
    for (Eigen::Index row = 0; row < m.rows(); ++row)
        for (Eigen::Index column = 0; column < m.cols(); ++column)
            m(row, column) = static_cast<typename Matrix::Scalar>(row * m.cols() + column);
    return m;
}

void register_matrices(py::module_& m) {
    using row_major = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    m.def("column_major", [] { return own(counted_by_rows(Eigen::MatrixXd(2, 3))); });
    m.def("row_major", [] { return own(counted_by_rows(row_major(2, 3))); });
    m.def("fixed", [] { return own(counted_by_rows(Eigen::Matrix3d())); });
    m.def("array_of_eigen", [] { return own(counted_by_rows(Eigen::ArrayXXi(2, 3))); });
    m.def("column", [] { return own(counted_by_rows(Eigen::VectorXd(3))); });
    m.def("row", [] { return own(counted_by_rows(Eigen::RowVectorXd(3))); });
    m.def("matrix_of_shape", [](std::vector<std::int64_t> shape) {
        return own(counted_by_rows(Eigen::MatrixXd(2, 3)), std::move(shape));
    });
    struct derived : Eigen::MatrixXd {
        using Eigen::MatrixXd::MatrixXd;
    };
    m.def("derived", [] { return own(counted_by_rows(derived(2, 3))); });
    m.def("column_of_shape",
          [](std::vector<std::int64_t> shape) { return own(counted_by_rows(Eigen::VectorXd(6)), std::move(shape)); });
    m.def("matrix_as_torch", [] { return to_torch(own(counted_by_rows(Eigen::MatrixXd(2, 3)))); });
    m.def("matrix_as_view", [] { return to_view(own(counted_by_rows(Eigen::MatrixXd(2, 3)))); });
}

void register_aliases(py::module_& m) {
    constexpr auto part = py::return_value_policy::reference_internal;
    py::class_<sound>(m, "Sound", py::module_local())
        .def(py::init())
        .def_property_readonly("owned", [](sound& s) { return own(s.data(), {6}, [](float*) {}); })
        .def_property_readonly("aliased", [](sound& s) { return alias(s.data(), {2, 3}); })
        .def_property_readonly("odd", [](sound& s) { return alias(s.data() + 1, {3}, {2}); })
        .def(
            "reversed", [](sound& s) { return alias(s.data() + 5, {6}, {-1}); }, part)
        .def(
            "read_only", [](sound& s) { return alias(static_cast<const float*>(s.data()), {6}); }, part)
        .def("dangling", [](sound& s) { return alias(s.data(), {6}); })
        .def_static(
            "of_nobody", [](sound& s) { return alias(s.data(), {6}); }, py::arg("s"))
        .def_static("of_owner", [](const py::object& s) { return alias(s.cast<sound&>().data(), {6}, {}, s); });
}

/// Arguments that go back to Python.
void register_returned_arguments(py::module_& m) {
    struct holder {
        shared<const float> kept;
        borrowed<const float> lost;
    };
    m.def("same", [](borrowed<const float> x) { return x; });
    m.def("same_share", [](shared<const float> x) { return x; });
    m.def("same_or_none", [](std::optional<borrowed<const float>> x) { return x; });
    m.def("pass_on", [](borrowed<float> x, const py::function& call) { return call(x); });
    m.def("pass_to", [](borrowed<float> x, const std::function<float(borrowed<float>)>& call) { return call(x); });
    m.def("copied_and_back", [](borrowed<const double, allow_copy> x) { return x; });
    py::class_<holder>(m, "Holder", py::module_local())
        .def(py::init([](shared<const float> x) { return holder{std::move(x), {}}; }))
        .def_readonly("lost", &holder::lost)
        .def_readonly("kept", &holder::kept);
}

std::vector<float> six() { return {0, 1, 2, 3, 4, 5}; }

} // namespace

void register_returned(py::module_& m) {
    register_matrices(m);
    register_aliases(m);
    register_returned_arguments(m);
    m.def("freed", [] { return freed; });
    m.def("from_vector", [] { return own(six()); });
    m.def("made_without_gil", [] { return own(six()); }, py::call_guard<py::gil_scoped_release>());
    m.def("vector_of_shape", [](std::vector<std::int64_t> shape) { return own(six(), std::move(shape)); });
    m.def("array", [] { return own(std::array<std::int16_t, 3>{1, 2, 3}); });
    m.def("unique", [] {
        auto values = std::make_unique<double[]>(4);
        values[3] = 7;
        return own(std::move(values), {2, 2});
    });
    m.def("pointer", [](std::vector<std::int64_t> shape) { return counted(std::move(shape)); });
    m.def("read_only", [] {
        static const float constants[] = {1, 2, 3};
        return own(&constants[0], {3}, [](const float*) {});
    });
    m.def("vector_address", [] {
        auto values = six();
        const auto address = reinterpret_cast<std::uintptr_t>(values.data());
        return py::make_tuple(address, own(std::move(values)));
    });
    m.def("as_numpy", [] { return to_numpy(counted({2, 3})); });
    m.def("as_torch", [] { return to_torch(counted({2, 3})); });
    m.def("as_view", [] { return to_view(counted({2, 3})); });
    m.def("like", [](borrowed<const float> x) { return to_library_of(x, counted({2, 3})); });
    m.def("read_only_as_torch", [] {
        static const float constants[] = {1, 2, 3};
        return to_torch(own(&constants[0], {3}, [](const float*) {}));
    });
    m.def("refuse",
          [](std::string protocol, std::string field, std::string expected, std::string got, std::string hint) {
              detail::translate_refusals();
              throw sharing_error(
                  {std::move(protocol), std::move(field), std::move(expected), std::move(got), std::move(hint)});
          });
}
