/// Arguments that are refused say why.
///
/// pybind11 answers a call that no overload accepts with the list of signatures. Functions with array
/// arguments are loaded by the class below instead, which knows the call: it names the argument, and
/// when the last overload has failed it raises one TypeError with the reasons of all.
#pragma once

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <pybind11/pybind11.h>

#include <numpy_bridge/arguments/caster.hpp>
#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/overloads.hpp>

#if PYBIND11_VERSION_MAJOR < 3
#error "array arguments need pybind11 3.0 or newer"
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Stands for the array argument A in pybind11's own loader.
template <class A> struct bridged {};

template <class A> using loaded_as = std::conditional_t<array_argument_traits<A>::value, bridged<A>, A>;

template <class A> void explain_argument(const py::detail::function_call& call, std::size_t i, reasons& out) {
    using traits = array_argument_traits<A>;
    if constexpr (traits::value) {
        if (traits::optional && call.args[i].is_none()) return;
        std::string reason = traits::caster::explain(call.args[i], argument_name(call, i));
        if (!reason.empty()) out.push_back(std::move(reason));
    }
}

template <class... Args> class array_argument_loader : public py::detail::argument_loader<loaded_as<Args>...> {
    using base = py::detail::argument_loader<loaded_as<Args>...>;

public:
    /// As pybind11's own, but raises TypeError with reasons where no overload is left to try.
    bool load_args(py::detail::function_call& call) {
        if (base::load_args(call)) return true;
        if (const auto* first = worth_explaining(call)) explain(*first, call, std::index_sequence_for<Args...>{});
        return false;
    }

    /// With `call_guard<gil_scoped_release>` borrowed arrays are pinned first; other guards may not release the GIL.
    template <class Return, class Guard, class Function> decltype(auto) call(Function&& function) && {
        using no_guard = py::detail::void_type;
        if constexpr (std::is_same_v<Guard, no_guard>) {
            return std::move(*this).base::template call<Return, Guard>(std::forward<Function>(function));
        } else {
            return std::move(*this).base::template call<Return, no_guard>([&](auto&&... args) -> Return {
                if constexpr (std::is_same_v<Guard, py::gil_scoped_release>) {
                    const gil_released scope(args...);
                    return function(std::forward<decltype(args)>(args)...);
                } else {
                    [[maybe_unused]] const Guard guard{};
                    if constexpr ((array_argument_traits<Args>::borrows || ...)) require_gil();
                    return function(std::forward<decltype(args)>(args)...);
                }
            });
        }
    }

private:
    template <std::size_t... I>
    static void explain(const py::detail::function_record& first, const py::detail::function_call& call,
                        std::index_sequence<I...>) {
        reasons why;
        (explain_argument<Args>(call, I, why), ...);
        refuse_call(first, call.func, why);
    }
};

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

template <class A>
struct type_caster<numpy_bridge::detail::bridged<A>>
    : numpy_bridge::detail::array_argument_traits<A>::caster_of_argument {
    template <class>
    using cast_op_type = typename numpy_bridge::detail::array_argument_traits<
        A>::caster_of_argument::template cast_op_type<std::add_rvalue_reference_t<A>>;
};

#ifdef NUMPY_BRIDGE_LOADS_EVERY_FUNCTION

template <class... Args>
requires(numpy_bridge::detail::array_argument_traits<Args>::value || ...) class argument_loader<Args...>
    : public numpy_bridge::detail::array_argument_loader<Args...> {};

#else // C++17 cannot say "any of": arrays are recognised by value in the first three places

template <class A> using nb_array = numpy_bridge::array_argument<A>;
template <class... Args> using nb_loader = numpy_bridge::detail::array_argument_loader<Args...>;

template <class A, class... Rest>
class argument_loader<nb_array<A>, Rest...> : public nb_loader<nb_array<A>, Rest...> {};

template <class A, class B, class... Rest>
class argument_loader<A, nb_array<B>, Rest...> : public nb_loader<A, nb_array<B>, Rest...> {};

template <class A, class B, class... Rest>
class argument_loader<nb_array<A>, nb_array<B>, Rest...> : public nb_loader<nb_array<A>, nb_array<B>, Rest...> {};

template <class A, class B, class C, class... Rest>
class argument_loader<A, B, nb_array<C>, Rest...> : public nb_loader<A, B, nb_array<C>, Rest...> {};

template <class A, class B, class C, class... Rest>
class argument_loader<nb_array<A>, B, nb_array<C>, Rest...> : public nb_loader<nb_array<A>, B, nb_array<C>, Rest...> {};

template <class A, class B, class C, class... Rest>
class argument_loader<A, nb_array<B>, nb_array<C>, Rest...> : public nb_loader<A, nb_array<B>, nb_array<C>, Rest...> {};

template <class A, class B, class C, class... Rest>
class argument_loader<nb_array<A>, nb_array<B>, nb_array<C>, Rest...>
    : public nb_loader<nb_array<A>, nb_array<B>, nb_array<C>, Rest...> {};

#endif

} // namespace pybind11::detail
