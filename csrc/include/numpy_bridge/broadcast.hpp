/// NumPy's broadcasting, and functions of numbers as functions of arrays.
///
///     m.def("hypot", vectorize([](double a, double b) { return std::hypot(a, b); }));
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/fresh.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Makes `shape` that of an array of `from` and it together. Raises ValueError if no shape is.
inline void broadcast_shape(std::vector<std::int64_t>& shape, const std::int64_t* from, int ndim) {
    const auto more = static_cast<std::size_t>(ndim);
    if (more > shape.size()) shape.insert(shape.begin(), more - shape.size(), 1);
    for (std::size_t i = 0; i < more; ++i) {
        std::int64_t& extent = shape[shape.size() - more + i];
        if (extent == 1) extent = from[i];
        else if (from[i] != 1 && from[i] != extent)
            throw py::value_error("arrays of " + std::to_string(extent) + " and " + std::to_string(from[i]) +
                                  " elements along one dimension cannot be broadcast together");
    }
}

/// `x` with `shape`: repeated elements have stride 0.
template <class T, int N, order Order>
strided_array<T, -1, order::any> stretched(const strided_array<T, N, Order>& x,
                                           const std::vector<std::int64_t>& shape) {
    const auto first = static_cast<int>(shape.size()) - x.ndim(); // dimension of `shape` that is the first of `x`
    std::vector<std::int64_t> strides(shape.size(), 0);
    bool repeats = first > 0;
    for (int i = 0; i < x.ndim(); ++i) {
        const auto at = static_cast<std::size_t>(first + i);
        if (x.shape(i) == shape[at]) strides[at] = x.stride(i);
        else repeats = true;
    }
    if (repeats && !std::is_const_v<T>) throw py::value_error("an array that is written to cannot be broadcast");
    return {x.data(), x.dtype(), static_cast<int>(shape.size()), shape.data(), strides.data()};
}

/// `x` as an array that is only read, so that it may be stretched.
template <class T, int N, order Order>
strided_array<const T, N, Order> to_read(const strided_array<T, N, Order>& x) noexcept {
    return {x.data(), x.dtype(), x.ndim(), x.shape(), x.strides()};
}

/// `out(i, j, ...) = f(in(i, j, ...)...)` for all indices of dimensions from `axis` on.
template <class F, class Out, class... In>
void assign_elements(F& f, int axis, const Out& out, typename Out::element_type* o, const std::tuple<const In&...>& in,
                     typename In::element_type*... p) {
    if (axis == out.ndim()) {
        *o = f(*p...);
        return;
    }
    const std::int64_t count = out.shape(axis);
    const auto strides = std::apply([axis](const auto&... x) { return std::make_tuple(x.stride(axis)...); }, in);
    const auto at = [&](std::int64_t i, auto next) {
        std::apply([&](auto... stride) { next(o + i * out.stride(axis), (p + i * stride)...); }, strides);
    };
    if (axis == out.ndim() - 1) {
        for (std::int64_t i = 0; i < count; ++i)
            at(i, [&f](auto* result, auto*... arguments) { *result = f(*arguments...); });
    } else {
        for (std::int64_t i = 0; i < count; ++i)
            at(i, [&](auto* result, auto*... arguments) {
                assign_elements<F, Out, In...>(f, axis + 1, out, result, in, arguments...);
            });
    }
}

template <class F, class Out, class... In> void assign_stretched(F& f, const Out& out, const In&... in) {
    assign_elements<F, Out, In...>(f, 0, out, out.data(), std::tie(in...), in.data()...);
}

template <class F, class R, class... A> class vectorized {
    static_assert(!std::is_void_v<R> && (std::is_convertible_v<const std::decay_t<A>&, A> && ...),
                  "vectorize takes functions of numbers that return a number");

public:
    explicit vectorized(F f) : f_(std::move(f)) {}

    fresh<R> operator()(const borrowed<const std::decay_t<A>, array_like>&... x) const {
        std::vector<std::int64_t> shape;
        (broadcast_shape(shape, x.shape(), x.ndim()), ...);
        const fresh<R> out(shape);
        if (!out.empty()) assign_stretched(f_, out, stretched(x, shape)...);
        return out;
    }

private:
    F f_;
};

template <class F, class R, class... A> auto vectorize_as(F f, R (F::*)(A...) const) {
    return vectorized<F, std::decay_t<R>, A...>(std::move(f));
}
template <class F, class R, class... A> auto vectorize_as(F f, R (F::*)(A...) const noexcept) {
    return vectorized<F, std::decay_t<R>, A...>(std::move(f));
}
template <class R, class... A> auto vectorize_function(R (*f)(A...)) {
    return vectorized<R (*)(A...), std::decay_t<R>, A...>(f);
}

} // namespace detail

/// These arrays as arrays of one shape, by NumPy's rules of broadcasting: extents of 1 are repeated, with stride 0.
/// Raises ValueError if the shapes do not go together, or if an array whose elements are not const would be repeated.
///
///     const auto [a, b] = broadcast(x, y);  // a(i, j) and b(i, j) for all i, j
template <class... X> auto broadcast(const X&... x) {
    std::vector<std::int64_t> shape;
    (detail::broadcast_shape(shape, x.shape(), x.ndim()), ...);
    return std::make_tuple(detail::stretched(x, shape)...);
}

/// `out(i, j, ...) = f(in(i, j, ...)...)` for all indices of `out`. The arguments are broadcast to its shape.
///
///     assign(out, [](float a, float b) { return a + b; }, x, y);
template <class Out, class F, class... X> void assign(const Out& out, F f, const X&... x) {
    const std::vector<std::int64_t> shape = out.shape_vector();
    std::vector<std::int64_t> together = shape;
    (detail::broadcast_shape(together, x.shape(), x.ndim()), ...);
    if (together != shape) throw py::value_error("the arguments have more elements than the result");
    if (!out.empty()) detail::assign_stretched(f, out, detail::stretched(detail::to_read(x), shape)...);
}

/// A function of numbers as a function of arrays, as `numpy.vectorize` and `pybind11::vectorize`: its arguments are
/// broadcast, and may be lists and numbers; its result is a new array of NumPy. `f` takes numbers and returns one:
/// a function, or an object with one `operator()`, which is const. Needs the GIL, so no call guard may release it.
template <class F> auto vectorize(F f) {
    if constexpr (std::is_class_v<F>) return detail::vectorize_as(std::move(f), &F::operator());
    else return detail::vectorize_function(f);
}

NUMPY_BRIDGE_NAMESPACE_END
