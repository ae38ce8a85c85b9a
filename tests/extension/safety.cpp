/// The GIL, other threads, and memory that moves.
#include <optional>
#include <thread>
#include <vector>

#include <pybind11/iostream.h>
#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

/// Calls `meddle()` from another thread, which needs the GIL, while this one works without it.
void run_beside(const py::object& meddle) {
    std::thread([&] {
        const py::gil_scoped_acquire gil;
        meddle();
    }).join();
}

/// A guard that pybind11 knows nothing of.
class own_guard {
    py::gil_scoped_release released_;
};

/// The same where the GIL has been released already.
void run_from_c(py::handle meddle) {
    const py::gil_scoped_acquire gil;
    const auto call = py::reinterpret_borrow<py::object>(meddle);
    const py::gil_scoped_release released;
    run_beside(call);
}

} // namespace

void register_safety(py::module_& m) {
    // Returns what it reads after `meddle` has done its worst from another thread.
    m.def(
        "read_without_gil",
        [](borrowed<const float, ndim<1>> x, const py::object& meddle) {
            float last = 0;
            {
                const gil_released scope(x);
                run_beside(meddle);
                last = x(x.shape(0) - 1);
            }
            return last;
        },
        py::arg("x"), py::arg("meddle"));
    // pybind11 releases the GIL before the function runs.
    m.def(
        "read_under_guard",
        [](borrowed<const float, ndim<1>> x, py::handle meddle) {
            {
                const py::gil_scoped_acquire gil;
                const auto call = py::reinterpret_borrow<py::object>(meddle);
                const py::gil_scoped_release released;
                run_beside(call);
            }
            return x(x.shape(0) - 1);
        },
        py::arg("x"), py::arg("meddle"), py::call_guard<py::gil_scoped_release>());
    m.def(
        "then_convert", [](borrowed<float, ndim<1>> x, double) { return x(x.shape(0) - 1); }, py::arg("x"),
        py::arg("number"));
    m.def(
        "optional_then_convert",
        [](std::optional<borrowed<float, ndim<1>>> x, double) { return x ? (*x)(x->shape(0) - 1) : -1; }, py::arg("x"),
        py::arg("number"));
    m.def(
        "many_without_gil",
        [](const std::vector<borrowed<const float, ndim<1>>>& all, py::handle meddle) {
            run_from_c(meddle);
            return all[0](all[0].shape(0) - 1);
        },
        py::call_guard<py::gil_scoped_release>());
    m.def(
        "optional_without_gil",
        [](std::optional<borrowed<const float, ndim<1>>> x, py::handle meddle) {
            run_from_c(meddle);
            return (*x)(x->shape(0) - 1);
        },
        py::call_guard<py::gil_scoped_release>());
    m.def(
        "convert_two", [](borrowed<float, ndim<1>> x, borrowed<const float>) { return x(x.shape(0) - 1); },
        py::arg("x"), py::arg("y"));
    m.def("drop_on_thread", [](shared<const float> x) {
        const py::gil_scoped_release released;
        std::thread([kept = std::move(x)]() mutable { kept = {}; }).join();
    });
    m.def(
        "guard_late", [](int, int, int, borrowed<float> x) { return x.size(); }, py::arg("a"), py::arg("b"),
        py::arg("c"), py::arg("x"), py::call_guard<py::gil_scoped_release>());
    using two_guards = py::call_guard<py::scoped_ostream_redirect, py::gil_scoped_release>;
    m.def(
        "read_under_two_guards",
        [](borrowed<const float, ndim<1>> x, py::handle meddle) {
            run_from_c(meddle);
            return x(x.shape(0) - 1);
        },
        py::arg("x"), py::arg("meddle"), two_guards());
    m.def("under_own_guard", [](borrowed<float> x) { return x.size(); }, py::arg("x"), py::call_guard<own_guard>());
}
