/// pybind11's type casters for results.
#pragma once

#include <utility>

#include <numpy_bridge/arguments/pybind11_caster.hpp>
#include <numpy_bridge/arguments/words.hpp>
#include <numpy_bridge/fresh.hpp>
#include <numpy_bridge/returned.hpp>

namespace pybind11::detail {

template <class T>
inline constexpr auto array_name = numpy_bridge::detail::descriptor_of<numpy_bridge::detail::pybind11_text,
                                                                       numpy_bridge::detail::array_annotation<T>>();

template <> struct handle_type_name<numpy_bridge::tensor_object> {
    static constexpr auto name = const_name("torch.Tensor");
};

/// Returned from a function it becomes a NumPy array.
template <class T> struct type_caster<numpy_bridge::owned<T>> {
    static constexpr auto name = array_name<T>;

    /// Under `reference_internal`, the default of properties, the array keeps the object that it came from alive.
    static handle cast(numpy_bridge::owned<T>&& from, return_value_policy policy, handle parent) {
        if (policy == return_value_policy::reference_internal && parent) from.keep(parent);
        return numpy_bridge::to_numpy(std::move(from)).release();
    }
};

template <class T> struct type_caster<numpy_bridge::aliased<T>> {
    static constexpr auto name = array_name<T>;

    static handle cast(numpy_bridge::aliased<T>&& from, return_value_policy policy, handle parent) {
        const bool is_part = policy == return_value_policy::reference_internal;
        return numpy_bridge::to_numpy(std::move(from).kept_by(is_part ? parent : handle())).release();
    }
};

template <class T, class... Constraints> struct type_caster<numpy_bridge::fresh<T, Constraints...>> {
    static constexpr auto name = array_name<T>;

    static handle cast(const numpy_bridge::fresh<T, Constraints...>& from, return_value_policy, handle) {
        return from.object().inc_ref();
    }
};

} // namespace pybind11::detail
