/// A loader that reports why arguments were refused.
///
/// pybind11 answers a call that no overload accepts with the list of signatures. Functions with array
/// arguments are loaded by the class below instead. It names the argument, and after the last overload
/// has failed it raises one TypeError with the reasons of all.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <pybind11/pybind11.h>

#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/overloads.hpp>
#include <numpy_bridge/arguments/pybind11_caster.hpp>

#if PYBIND11_VERSION_MAJOR < 3
#error "array arguments need pybind11 3.0 or newer"
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// The caster of one argument of a call.
template <class A, bool = array_argument_traits<A>::value> struct call_caster {
    using type = py::detail::make_caster<A>;
};
template <class A> struct call_caster<A, true> {
    using type = pybind11_argument<typename array_argument_traits<A>::caster>;
};

/// The arrays inside an argument of type A: items of `std::vector`, `std::list` and `std::deque`, alternatives of
/// `std::variant`.
template <class A> struct container_traits {
    static constexpr arrays_inside inside{};
};
template <template <class...> class C, class Spec>
struct container_traits<C<array_argument<Spec>, std::allocator<array_argument<Spec>>>> {
    static constexpr const requirements* wanted[] = {&Spec::wanted};
    static constexpr arrays_inside inside{arrays_inside::kind::items, wanted, 1};
};
template <class... Alternatives> struct container_traits<std::variant<Alternatives...>> {
    template <class A> static constexpr const requirements* wanted_by(const A*) { return nullptr; }
    template <class Spec> static constexpr const requirements* wanted_by(const array_argument<Spec>*) {
        return &Spec::wanted;
    }
    static constexpr const requirements* wanted[] = {wanted_by(static_cast<const Alternatives*>(nullptr))...};
    static constexpr auto kind = (array_argument_traits<Alternatives>::value || ...) ? arrays_inside::kind::alternatives
                                                                                     : arrays_inside::kind::none;
    static constexpr arrays_inside inside{kind, wanted, sizeof...(Alternatives)};
};
template <class A> inline constexpr arrays_inside inside_of = container_traits<py::detail::intrinsic_t<A>>::inside;

/// Takes the place of pybind11's `argument_loader` for functions with array arguments.
template <class... Args> class array_argument_loader {
    template <class A> using is_args = py::detail::is_same_or_base_of<py::args, py::detail::intrinsic_t<A>>;
    template <class A> using is_kwargs = py::detail::is_same_or_base_of<py::kwargs, py::detail::intrinsic_t<A>>;
    using indices = std::index_sequence_for<Args...>;

public:
    // pybind11 reads these members of a loader; the last two are -1 if there is none.
    static constexpr bool has_kwargs = (is_kwargs<Args>::value || ...);
    static constexpr int args_pos = py::detail::constexpr_last<is_args, Args...>();
    static constexpr auto arg_names = py::detail::concat(py::detail::type_descr(call_caster<Args>::type::name)...);

    /// Raises TypeError with the reasons if no overload is left to try.
    bool load_args(py::detail::function_call& call) { return load(call, indices{}); }

    /// Under a call guard, which may release the GIL, borrowed arrays are pinned first.
    template <class Return, class Guard, class Function>
    auto call(Function&& function) && -> std::conditional_t<std::is_void_v<Return>, py::detail::void_type, Return> {
        if constexpr (std::is_void_v<Return>) {
            call_with<Return, Guard>(function, indices{});
            return {};
        } else {
            return call_with<Return, Guard>(function, indices{});
        }
    }

private:
    template <std::size_t... I> bool load(py::detail::function_call& call, std::index_sequence<I...>) {
        std::size_t accepted = 0;
        if (((std::get<I>(casters_).load(call.args[I], call.args_convert[I]) && ++accepted > 0) && ...)) return true;
        const argument_of_call arguments[] = {described<Args>(std::get<I>(casters_))...};
        if (refuse_call(call, arguments, accepted)) throw pending_refusal();
        return false;
    }

    template <class A, class Caster> static argument_of_call described(const Caster& caster) {
        if constexpr (array_argument_traits<A>::value) {
            return caster.described();
        } else {
            argument_of_call described;
            described.inside = inside_of<A>;
            return described;
        }
    }

    template <class Return, class Guard, class Function, std::size_t... I>
    Return call_with(Function& function, std::index_sequence<I...>) {
        if (!(ran_no_code<Args>(std::get<I>(casters_)) && ...)) (require_unmoved<Args>(std::get<I>(casters_)), ...);
        if constexpr ((array_argument_traits<Args>::writes || ...)) {
            const engine::writes_noted_at_end<sizeof...(Args)> scope{{written<Args>(std::get<I>(casters_))...}};
            return invoke<Return, Guard>(function, indices{});
        } else {
            return invoke<Return, Guard>(function, indices{});
        }
    }

    template <class Return, class Guard, class Function, std::size_t... I>
    Return invoke(Function& function, std::index_sequence<I...>) {
        if constexpr (std::is_same_v<Guard, py::detail::void_type>) {
            return function(passed<Args>(std::get<I>(casters_))...);
        } else {
            return [&function](auto&&... args) -> Return {
                const std::array<pin, sizeof...(args)> pins{pin(args)...};
                // The guard is a temporary, so that those of its own constructor end after it, as pybind11 has it.
                return call_guarded<Return>(Guard{}, function, std::forward<decltype(args)>(args)...);
            }(passed<Args>(std::get<I>(casters_))...);
        }
    }

    template <class Return, class Guard, class Function, class... Passed>
    static Return call_guarded(Guard&& /*guard*/, Function& function, Passed&&... args) {
        return function(std::forward<Passed>(args)...);
    }

    template <class A, class Caster> static bool ran_no_code(const Caster& caster) {
        if constexpr (array_argument_traits<A>::value) return caster.ran_no_code();
        else return false;
    }

    template <class A, class Caster> static PyObject* written(const Caster& caster) {
        if constexpr (array_argument_traits<A>::value) return caster.written();
        else return nullptr;
    }

    template <class A, class Caster> static void require_unmoved(const Caster& caster) {
        if constexpr (array_argument_traits<A>::value) caster.require_unmoved();
    }

    template <class A, class Caster> static decltype(auto) passed(Caster& caster) {
        if constexpr (array_argument_traits<A>::value) {
            using argument = py::detail::intrinsic_t<A>;
            using reference = py::detail::movable_cast_op_type<std::add_rvalue_reference_t<A>>;
            using result = std::conditional_t<array_argument_traits<A>::optional, argument, reference>;
            return caster.operator result();
        } else {
            return py::detail::cast_op<A>(std::move(caster));
        }
    }

    std::tuple<typename call_caster<Args>::type...> casters_;
};

/// Whether an argument is an array, or has arrays inside.
template <class A>
inline constexpr bool takes_arrays = array_argument_traits<A>::value || inside_of<A>.what != arrays_inside::kind::none;

/// `First` if one of the arguments takes arrays, else a substitution failure.
template <class First, class... Rest>
using first_of_array_call = std::enable_if_t<(takes_arrays<First> || ... || takes_arrays<Rest>), First>;

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
template <class... Args>
requires(numpy_bridge::detail::takes_arrays<Args> || ...) class argument_loader<Args...>
    : public numpy_bridge::detail::array_argument_loader<Args...> {};
#else // the same in C++17: an alias that ignores its second argument, but not a failure to form it (CWG 1558)
template <class T, class> using numpy_bridge_first = T;
template <class First, class... Rest>
class argument_loader<numpy_bridge_first<First, numpy_bridge::detail::first_of_array_call<First, Rest...>>, Rest...>
    : public numpy_bridge::detail::array_argument_loader<First, Rest...> {};
#endif

} // namespace pybind11::detail
