/// Results that are allocated as Python's arrays are, and broadcasting.
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/broadcast.hpp>
#include <numpy_bridge/pybind11.hpp>
#include <numpy_bridge/records.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

struct pair_of_ints {
    int first, second;
};

template <class Out> Out counted(Out out) {
    for (std::int64_t i = 0; i < out.shape(0); ++i)
        for (std::int64_t j = 0; j < out.shape(1); ++j) out(i, j) = static_cast<typename Out::element_type>(10 * i + j);
    return out;
}

double square(double x) noexcept { return x * x; }

void register_fresh(py::module_& m) {
    m.def("table", [](std::int64_t n, std::int64_t k) { return counted(fresh<float, ndim<2>>({n, k})); });
    m.def("columns",
          [](std::int64_t n, std::int64_t k) { return counted(fresh<double, ndim<2>, f_contiguous>({n, k})); });
    m.def("of_any_shape", [](const std::vector<std::int64_t>& shape) {
        fresh<std::int32_t> out(shape);
        std::fill(out.begin(), out.end(), 7);
        return out;
    });
    m.def("of_dtype", [](const std::string& name) {
        fresh<void, ndim<1>> out({3}, from_name(name).value());
        visit(out, [](const auto& typed) {
            using value = typename std::decay_t<decltype(typed)>::value_type;
            for (int i = 0; i < typed.size(); ++i) typed(i) = static_cast<value>(static_cast<float>(i));
        });
        return out;
    });
    m.def("records", [] {
        fresh<pair_of_ints, ndim<1>> out({2});
        out(0) = {1, 2};
        out(1) = {3, 4};
        return out;
    });
    m.def("doubled", [](const borrowed<const float>& x) {
        const auto out = fresh_like(x);
        assign(out, [](float value) { return 2 * value; }, x);
        return out;
    });
    m.def("sums_of_rows", [](const borrowed<const one_of<float, double>, ndim<2>>& x) {
        const auto out = fresh_like<ndim<1>>(x, {x.shape(0)});
        visit(x, [&](const auto& typed) {
            using value = std::remove_const_t<typename std::decay_t<decltype(typed)>::element_type>;
            const auto sums = out.template as<value>();
            for (std::int64_t i = 0; i < typed.shape(0); ++i) {
                sums(i) = 0;
                for (std::int64_t j = 0; j < typed.shape(1); ++j) sums(i) += typed(i, j);
            }
        });
        return out;
    });
}

} // namespace

void register_fresh_results(py::module_& parent) {
    PYBIND11_NUMPY_DTYPE(pair_of_ints, first, second);
    py::module_ m = parent.def_submodule("fresh");
    register_fresh(m);
    m.def("hypot", vectorize([](double a, double b) { return std::hypot(a, b); }));
    m.def("is_close", vectorize([](float a, float b, float by) { return std::abs(a - b) <= by; }));
    m.def("square", vectorize(&square));
    m.def("multiply_into", [](const borrowed<float>& out, const borrowed<float>& x, const borrowed<const float>& y) {
        assign(out, [](float a, float b) { return a * b; }, x, y);
    });
    m.def("add_into", [](const borrowed<float>& into, const borrowed<const float>& x) {
        const auto [a, b] = broadcast(into, x);
        for (std::int64_t i = 0; i < a.shape(0); ++i) a(i) += b(i);
    });
}
