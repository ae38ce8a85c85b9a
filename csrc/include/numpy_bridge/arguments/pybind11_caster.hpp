/// pybind11's type casters for array arguments.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <numpy_bridge/arguments/caster.hpp>
#include <numpy_bridge/arguments/words.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

template <std::size_t N> using pybind11_text = py::detail::descr<N>;

template <class A> using array_argument_traits = is_array_argument<py::detail::intrinsic_t<A>>;

/// The name of an argument's type in signatures.
template <class Spec> constexpr auto pybind11_name(const argument_caster<Spec>*) {
    return descriptor_of<pybind11_text, argument_annotation<Spec>>();
}
template <class Spec> constexpr auto pybind11_name(const optional_argument_caster<Spec>*) {
    return descriptor_of<pybind11_text, argument_annotation<Spec>>() + py::detail::const_name(" | None");
}

/// An array, or an array or None, that is an argument of its own.
template <class Caster> struct pybind11_argument : Caster {
    pybind11_argument() {} // NOLINT(modernize-use-equals-default): pybind11's loader would fill it all with zeros

    static constexpr auto name = pybind11_name(static_cast<const Caster*>(nullptr));
};

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

/// Arrays inside containers, those that `cast` makes, and those that go back to Python.
template <class Spec> class type_caster<numpy_bridge::array_argument<Spec>> {
    using argument = numpy_bridge::array_argument<Spec>;

public:
    static constexpr auto name =
        numpy_bridge::detail::pybind11_name(static_cast<const numpy_bridge::detail::argument_caster<Spec>*>(nullptr));

    bool load(handle x, bool convert) {
        return numpy_bridge::detail::load_item(x.ptr(), convert, value_, loader_life_support::add_patient);
    }

    /// Back in Python it is the object that was passed, or the copy that was made of it. A member, which outlives the
    /// call, must be `shared`.
    static handle cast(const argument& x, return_value_policy policy, handle) {
        if (std::is_same_v<typename Spec::hold, numpy_bridge::detail::borrow> &&
            policy == return_value_policy::reference_internal)
            throw type_error(numpy_bridge::detail::hint_to_share);
        return x.handle() ? x.handle().inc_ref() : none().release();
    }

    template <class U> using cast_op_type = movable_cast_op_type<U>;
    explicit operator argument*() noexcept { return &value_; }
    explicit operator argument&() noexcept { return value_; }
    explicit operator argument&&() noexcept { return std::move(value_); }

private:
    argument value_;
};

} // namespace pybind11::detail
