/// nanobind's type casters for results.
#pragma once

#include <utility>

#include <nanobind/nanobind.h>

#include <numpy_bridge/arguments/nanobind_caster.hpp>
#include <numpy_bridge/arguments/nanobind_refusals.hpp>
#include <numpy_bridge/fresh.hpp>
#include <numpy_bridge/returned.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// What `make` returns; null with an exception set if it throws.
template <class Make> nb::handle made_by(Make make) noexcept {
    nb::object array;
    runs([&] { array = make(); });
    return array.release();
}

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace nanobind::detail {

template <class T>
inline constexpr auto array_name = numpy_bridge::detail::descriptor_of<numpy_bridge::detail::nanobind_text,
                                                                       numpy_bridge::detail::array_annotation<T>>();

template <> struct type_caster<numpy_bridge::tensor_object> {
    using Value = numpy_bridge::tensor_object;
    static constexpr auto Name = const_name("torch.Tensor");
    static handle from_cpp(const Value& x, rv_policy, cleanup_list*) noexcept { return x.inc_ref(); }
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
    static handle from_cpp(const Value& from, rv_policy, cleanup_list*) noexcept { return from.object().inc_ref(); }
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
