/// Dispatch from run-time dtypes and dimensions to compile-time ones, for generic code.
#pragma once

#include <string>
#include <type_traits>
#include <utility>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/mismatch.hpp>
#include <numpy_bridge/fresh.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The C++ types to try for a run-time dtype.
template <class T> struct candidate_types {
    using type = one_of<T>;
};
template <class... T> struct candidate_types<one_of<T...>> {
    using type = one_of<T...>;
};
template <> struct candidate_types<void> {
    using type = one_of<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
                        std::uint32_t, std::uint64_t, float, double, std::complex<float>, std::complex<double>>;
};

template <class U, class T> using const_as = std::conditional_t<std::is_const_v<T>, const U, U>;

/// Calls `f` with `x` typed as the matching one of `T...`, tried in order.
template <class First, class... Rest, class X, class F>
decltype(auto) visit_types(one_of<First, Rest...>, const X& x, F&& f) {
    if constexpr (sizeof...(Rest) > 0)
        if (x.dtype() != element<First>::id) return visit_types(one_of<Rest...>{}, x, std::forward<F>(f));
    if (x.dtype() != element<First>::id)
        throw py::type_error(std::string("visit: no C++ type for dtype ") + info(x.dtype()).name);
    return std::forward<F>(f)(x.template as<const_as<First, typename X::spec::element>>());
}

template <int First, int... Rest, class X, class F> decltype(auto) visit_dimensions(const X& x, F&& f) {
    if constexpr (sizeof...(Rest) > 0)
        if (x.ndim() != First) return visit_dimensions<Rest...>(x, std::forward<F>(f));
    if (x.ndim() != First) throw py::type_error("visit: no code for " + std::to_string(x.ndim()) + " dimensions");
    return std::forward<F>(f)(x.template as<typename X::spec::element, ndim<First>>());
}

} // namespace detail

/// Calls `f(typed)`, where `typed` is `x` with its element type known at compile time: one of those
/// that the argument lists, or for `void` any number type of C++. `f` must return the same type for
/// all of them. Raises TypeError for a dtype that has no C++ type (float16, bfloat16, float8).
///
///     m.def("sum", [](borrowed<const one_of<float, double>, c_contiguous> x) {
///         return visit(x, [](auto typed) { return std::accumulate(typed.begin(), typed.end(), 0.0); }); });
template <class Spec, class F> decltype(auto) visit(const array_argument<Spec>& x, F&& f) {
    using types = typename detail::candidate_types<std::remove_const_t<typename Spec::element>>::type;
    return detail::visit_types(types{}, x, std::forward<F>(f));
}

/// The same for a new array whose dtype was chosen at run time.
template <class T, class... Constraints, class F> decltype(auto) visit(const fresh<T, Constraints...>& x, F&& f) {
    return detail::visit_types(typename detail::candidate_types<T>::type{}, x, std::forward<F>(f));
}

/// The same for the number of dimensions: `visit_ndim<1, 2, 3>(x, f)` calls `f` with `x` under `ndim<1>`,
/// `ndim<2>` or `ndim<3>`. Raises TypeError for other numbers.
template <int... N, class Spec, class F> decltype(auto) visit_ndim(const array_argument<Spec>& x, F&& f) {
    return detail::visit_dimensions<N...>(x, std::forward<F>(f));
}

NUMPY_BRIDGE_NAMESPACE_END
