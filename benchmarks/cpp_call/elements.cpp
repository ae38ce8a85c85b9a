// The same loops twice: over `x(i, j)` of a borrow, and over a pointer with strides that the loop knows.
#include <cstdint>
#include <string>

#include <numpy_bridge/pybind11.hpp>

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

using index = std::int64_t;
template <class T> using packed = borrowed<T, ndim<2>, c_contiguous>;
template <class T> using strided = borrowed<T, ndim<2>>;

// Totals row by row.

template <class X> auto sum(const X& x) {
    typename X::value_type total = 0;
    for (index i = 0; i < x.shape(0); ++i)
        for (index j = 0; j < x.shape(1); ++j) total += x(i, j);
    return total;
}
template <class T> T sum_packed(const T* x, index rows, index columns) {
    T total = 0;
    for (index i = 0; i < rows; ++i)
        for (index j = 0; j < columns; ++j) total += x[i * columns + j];
    return total;
}
template <class T> T sum_strided(const T* x, index rows, index columns, index down, index right) {
    T total = 0;
    for (index i = 0; i < rows; ++i)
        for (index j = 0; j < columns; ++j) total += x[i * down + j * right];
    return total;
}

// Every element from its four neighbours.

template <class X, class Y> void stencil(const X& x, const Y& y) {
    for (index i = 1; i < x.shape(0) - 1; ++i)
        for (index j = 1; j < x.shape(1) - 1; ++j)
            y(i, j) = x(i - 1, j) + x(i + 1, j) + x(i, j - 1) + x(i, j + 1) - 4 * x(i, j);
}
template <class T> void stencil_packed(const T* x, T* y, index rows, index columns) {
    for (index i = 1; i < rows - 1; ++i)
        for (index j = 1; j < columns - 1; ++j)
            y[i * columns + j] = x[(i - 1) * columns + j] + x[(i + 1) * columns + j] + x[i * columns + j - 1] +
                                 x[i * columns + j + 1] - 4 * x[i * columns + j];
}
template <class T> void stencil_strided(const T* x, T* y, index rows, index columns, index down, index right) {
    for (index i = 1; i < rows - 1; ++i)
        for (index j = 1; j < columns - 1; ++j)
            y[i * down + j * right] = x[(i - 1) * down + j * right] + x[(i + 1) * down + j * right] +
                                      x[i * down + (j - 1) * right] + x[i * down + (j + 1) * right] -
                                      4 * x[i * down + j * right];
}

template <class T> void bind(py::module_& m, const std::string& type) {
    const auto name = [&](const char* what) { return what + ("_" + type); };

    m.def(name("sum_packed_ours").c_str(), [](packed<const T> x) { return sum(x); });
    m.def(name("sum_strided_ours").c_str(), [](strided<const T> x) { return sum(x); });
    m.def(name("stencil_packed_ours").c_str(), [](packed<const T> x, packed<T> y) { stencil(x, y); });
    m.def(name("stencil_strided_ours").c_str(), [](strided<const T> x, strided<T> y) { stencil(x, y); });

    m.def(name("sum_packed_raw").c_str(),
          [](packed<const T> x) { return sum_packed(x.data(), x.shape(0), x.shape(1)); });
    m.def(name("sum_strided_raw").c_str(),
          [](strided<const T> x) { return sum_strided(x.data(), x.shape(0), x.shape(1), x.stride(0), x.stride(1)); });
    m.def(name("stencil_packed_raw").c_str(),
          [](packed<const T> x, packed<T> y) { stencil_packed(x.data(), y.data(), x.shape(0), x.shape(1)); });
    m.def(name("stencil_strided_raw").c_str(), [](strided<const T> x, strided<T> y) { // one layout for both
        stencil_strided(x.data(), y.data(), x.shape(0), x.shape(1), x.stride(0), x.stride(1));
    });
}

} // namespace

PYBIND11_MODULE(elements, m) {
    bind<float>(m, "float32");
    bind<std::int64_t>(m, "int64");
}
