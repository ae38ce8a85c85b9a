/// Array arguments and results for nanobind functions.
///
///     #include <numpy_bridge/nanobind.hpp>
///     using namespace numpy_bridge;
///
///     m.def("scale", [](borrowed<float, ndim<2>, c_contiguous> x, float k) { ... x(i, j) *= k ... });
///
/// The types of `numpy_bridge/pybind11.hpp`, with the same rules. Include this before functions are bound. The library
/// is written with pybind11's headers, so these must be found by the compiler; your module is nanobind's alone.
#pragma once

#include <nanobind/nanobind.h>

#ifdef Py_LIMITED_API
#error "numpy_bridge does not fit the stable ABI: call nanobind_add_module without STABLE_ABI and BACKEND_MODULE"
#endif

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/nanobind_caster.hpp>
#include <numpy_bridge/fresh.hpp>
#include <numpy_bridge/returned.hpp>
#include <numpy_bridge/visit.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// What `make` returns; null with an exception set if it throws.
template <class Make> nb::handle made_by(Make make) noexcept {
    py::object array;
    runs([&] { array = make(); });
    return array.release().ptr();
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace nanobind::detail {

template <class T>
inline constexpr auto array_name = numpy_bridge::detail::descriptor_of<numpy_bridge::detail::nanobind_text,
                                                                       numpy_bridge::detail::array_annotation<T>>();

/// What a function returns as an object of the engine's, such as `to_library_of(x, own(...))`.
template <> struct type_caster<pybind11::object> {
    using Value = pybind11::object;
    static constexpr auto Name = const_name("object");
    static handle from_cpp(pybind11::object&& x, rv_policy, cleanup_list*) noexcept { return x.release().ptr(); }
};

template <> struct type_caster<numpy_bridge::tensor_object> {
    using Value = numpy_bridge::tensor_object;
    static constexpr auto Name = const_name("torch.Tensor");
    static handle from_cpp(pybind11::object&& x, rv_policy, cleanup_list*) noexcept { return x.release().ptr(); }
};

/// Returned from a function it becomes a NumPy array.
template <class T> struct type_caster<numpy_bridge::owned<T>> {
    using Value = numpy_bridge::owned<T>;
    static constexpr auto Name = array_name<T>;

    /// Under `reference_internal`, the default of properties, the array keeps the object that it came from alive.
    static handle from_cpp(Value&& from, rv_policy policy, cleanup_list* call) noexcept {
        return numpy_bridge::detail::made_by([&] {
            if (PyObject* self = numpy_bridge::detail::self_of(policy, call)) from.keep(self);
            return numpy_bridge::to_numpy(std::move(from));
        });
    }
};

template <class T, class... Constraints> struct type_caster<numpy_bridge::fresh<T, Constraints...>> {
    using Value = numpy_bridge::fresh<T, Constraints...>;
    static constexpr auto Name = array_name<T>;
    static handle from_cpp(const Value& from, rv_policy, cleanup_list*) noexcept {
        return handle(from.object().ptr()).inc_ref();
    }
};

template <class T> struct type_caster<numpy_bridge::aliased<T>> {
    using Value = numpy_bridge::aliased<T>;
    static constexpr auto Name = array_name<T>;

    static handle from_cpp(Value&& from, rv_policy policy, cleanup_list* call) noexcept {
        return numpy_bridge::detail::made_by([&] {
            return numpy_bridge::to_numpy(std::move(from).kept_by(numpy_bridge::detail::self_of(policy, call)));
        });
    }
};

} // namespace nanobind::detail
