// One module for both libraries. Each source file beside this one names its library `bound_by`.
#pragma once

#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace numpy_bridge;

namespace {

int freed = 0;

class series {
public:
    explicit series(shared<const double, ndim<1>> x) : values(std::move(x)) {}
    double last() const { return values(values.shape(0) - 1); }
    double dot(const borrowed<const double, ndim<1>>& x) const {
        double sum = 0;
        for (std::int64_t i = 0; i < x.shape(0); ++i) sum += values(i) * x(i);
        return sum;
    }

    shared<const double, ndim<1>> values;
    double weights[2] = {1, 2};
};

std::vector<double> ramp(std::int64_t size) {
    std::vector<double> values(static_cast<std::size_t>(size));
    std::iota(values.begin(), values.end(), 0.0);
    return values;
}

void scale(borrowed<float, ndim<2>> x, float factor) {
    for (std::int64_t i = 0; i < x.shape(0); ++i)
        for (std::int64_t j = 0; j < x.shape(1); ++j) x(i, j) *= factor;
}

template <class Module> void bind_arguments(Module& m) {
    m.def("scale", &scale);
    m.def("total",
          [](const borrowed<const double, any_contiguous>& x) { return std::accumulate(x.begin(), x.end(), 0.0); });
    m.def("add", [](borrowed<double, ndim<1>> x, borrowed<const double, ndim<1>> y) {
        for (std::int64_t i = 0; i < x.shape(0); ++i) x(i) += y(i);
    });
    m.def("sum", [](borrowed<const one_of<float, double>, c_contiguous> x) {
        return visit(x, [](auto typed) { return std::accumulate(typed.begin(), typed.end(), 0.0); });
    });
    m.def("size", [](borrowed<float>&& x) { return x.size(); });
    m.def("size_or_none", [](std::optional<borrowed<float>> x) { return x ? x->size() : -1; });
    m.def("sizes", [](const std::vector<borrowed<const float>>& all) {
        std::int64_t sum = 0;
        for (const auto& x : all) sum += x.size();
        return sum;
    });
    m.def("first_share", [](const std::vector<shared<const double, ndim<1>, array_like>>& all) { return all[0]; });
    m.def("copied_shares", [](const std::vector<shared<const double, ndim<1>, array_like>>& all) {
        std::vector<bool> copied;
        for (const auto& x : all) copied.push_back(x.copied());
        return copied;
    });
    m.def("bytes_of", [](borrowed<const void> x) {
        return visit(x, [](const auto& typed) {
            return typed.size() * std::int64_t{sizeof(typename std::decay_t<decltype(typed)>::value_type)};
        });
    });
    m.def("copied", [](borrowed<const float, ndim<1>, allow_copy> x) { return x.copied() ? x(0) : -x(0); });
    m.def("by_hand", [](const bound_by::object& x) { return borrow<const float, ndim<2>>(x, "arg0").size(); });
    m.def("same", [](borrowed<const void> x) { return x; });
    m.def("same_share", [](shared<const void> x) { return x; });
    m.def("without_gil", [](borrowed<const double, c_contiguous> x) {
        const gil_released others_may_run(x);
        return std::accumulate(x.begin(), x.end(), 0.0);
    });
    m.def(
        "guarded", [](const borrowed<const double>& x, std::optional<borrowed<float>> y) { return y ? x.size() : -1; },
        bound_by::call_guard<bound_by::gil_scoped_release>());
    m.def("norm", [](double) { return std::string("number"); });
    m.def("norm", [](borrowed<const float, ndim<1>>) { return std::string("vector"); });
    m.def("norm", [](borrowed<const float, ndim<2>, c_contiguous>) { return std::string("matrix"); });
    m.def("kind", [](borrowed<const float>) { return std::string("array"); });
    m.def("kind", [](double) { return std::string("number"); });
    m.def("mixed", [](int, borrowed<const float>) { return std::string("float32"); });
    m.def("mixed", [](double, borrowed<const double>) { return std::string("float64"); });
}

template <class Module> void bind_results(Module& m) {
    m.def("grid", [](std::int64_t n) { return own(ramp(n * n), {{n, n}}); });
    m.def("wrong_shape", [](std::int64_t n) { return own(ramp(n), {{n, n}}); });
    m.def("tensor", [](std::int64_t n) { return to_torch(own(ramp(n))); });
    m.def("like", [](borrowed<const double> x) { return to_library_of(x, own(ramp(x.size()))); });
    m.def("constants", [] {
        static const float constants[] = {1, 2, 3};
        return own(&constants[0], {3}, [](const float*) { ++freed; });
    });
    m.def("twice", [](borrowed<const double, ndim<1>> x) {
        auto out = fresh_like(x);
        for (std::int64_t i = 0; i < x.shape(0); ++i) out(i) = 2 * x(i);
        return out;
    });
    m.def("freed", [] { return freed; });
    bound_by::class_<series>(m, "Series")
        .def(bound_by::init<shared<const double, ndim<1>>>())
        .def("last", &series::last)
        .def("dot", &series::dot)
        .def("stray", [](series& s) { return alias(s.weights, {2}); })
        .READ_ONLY_PROPERTY("values", [](const series& s) { return s.values; })
        .READ_ONLY_PROPERTY("weights", [](series& s) { return alias(s.weights, {2}); });
}

template <class Module> void bind_functions(Module& m) {
    bind_arguments(m);
    bind_results(m);
}

} // namespace
