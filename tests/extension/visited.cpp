/// Generic code over dtypes and dimensions.
#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

template <class X> double total(const X& x) {
    double sum = 0;
    for (const auto value : x) sum += static_cast<double>(value);
    return sum;
}

template <class T> bool is_complex(T) { return false; }
template <class T> bool is_complex(std::complex<T>) { return true; }

} // namespace

void register_visited(py::module_& m) {
    m.def(
        "visit_total",
        [](borrowed<const one_of<float, double, std::int32_t>, c_contiguous> x) {
            return visit(x, [](auto typed) { return total(typed); });
        },
        py::arg("x"));
    m.def(
        "visit_any",
        [](borrowed<const void, c_contiguous> x) {
            return visit(x,
                         [](auto typed) { return is_complex(*typed.begin()) ? "complex" : info(typed.dtype()).name; });
        },
        py::arg("x"));
    m.def(
        "visit_double",
        [](borrowed<one_of<float, double>, ndim_between<1, 3>> x) {
            visit(x, [](auto typed) {
                visit_ndim<1, 2>(typed, [](auto fixed) {
                    if constexpr (decltype(fixed)::spec::wanted.ndim == 1)
                        for (std::int64_t i = 0; i < fixed.shape(0); ++i) fixed(i) *= 2;
                    else
                        for (std::int64_t i = 0; i < fixed.shape(0); ++i)
                            for (std::int64_t j = 0; j < fixed.shape(1); ++j) fixed(i, j) *= 2;
                });
            });
        },
        py::arg("x"));
}
