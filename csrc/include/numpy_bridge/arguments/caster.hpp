/// pybind11's type casters for array arguments.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>

#include <pybind11/pybind11.h>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/borrow.hpp>
#include <numpy_bridge/arguments/copy.hpp>
#include <numpy_bridge/arguments/refusal.hpp>

// In C++20 every function with array arguments goes through `array_argument_loader`.
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
#define NUMPY_BRIDGE_LOADS_EVERY_FUNCTION
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Keeps what the importer left in `in` until the bound function returns.
inline void hold_for_call(imported& in, PyObject* x) {
    if (!in.pin && !in.lease) return;
    auto kept = std::make_unique<anchor>(in.anchored_to(x));
    const py::capsule holder(kept.get(), [](void* context) { delete static_cast<anchor*>(context); });
    static_cast<void>(kept.release());
    py::detail::loader_life_support::add_patient(holder);
}

inline argument_facts facts_of(const imported& in, bool copied) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): 1 and 2 are CUDA's own handles of its default streams
    return {in.description.device, reinterpret_cast<void*>(in.stream), in.description.readonly, copied};
}

/// Loads one argument. `explain` says afterwards why `load` returned false.
template <class Spec> class argument_caster {
    using argument = array_argument<Spec>;
    static constexpr requirements wanted = Spec::wanted;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
    static_assert(borrows || (wanted.checked && !wanted.may_copy), "shared arguments are always checked, never copies");

public:
    static constexpr auto name = [] {
        constexpr auto text = words_for(wanted);
        py::detail::descr<text.size()> words;
        for (std::size_t i = 0; i < text.size(); ++i) words.text[i] = text.view()[i];
        return py::detail::const_name("typing.Annotated[typing.Any, \"") + words + py::detail::const_name("\"]");
    }();

    bool load(py::handle x, bool) {
        if (has_no_memory(x.ptr())) return false;
        try {
            if (load_as_it_is(x.ptr())) return true;
            if constexpr (wanted.may_copy) return load_copy(x.ptr());
            else return false;
        } catch (const py::type_error&) { // speaks no protocol
            return false;
        }
    }

    static std::string explain(py::handle x, const std::string& called) {
        return reason_to_refuse(x.ptr(), wanted, called);
    }

    template <class U> using cast_op_type = py::detail::movable_cast_op_type<U>;
    explicit operator argument*() { return &checked(); }
    explicit operator argument&() { return checked(); }
    explicit operator argument&&() { return std::move(checked()); }

private:
    bool load_as_it_is(PyObject* x) {
        try {
            if constexpr (borrows) return load_borrow(x, false);
            else return load_share(x);
        } catch (const sharing_error&) {
            return false;
        }
    }

    bool load_borrow(PyObject* x, bool copied) {
        imported in;
        const witness seen = import_for_call(x, wanted, in);
        if (!meets_all(wanted, in.description)) return false;
        value_ = argument(in.description, facts_of(in, copied), borrow(x));
        hold_for_call(in, x);
        witness_ = seen;
        return true;
    }

    bool load_share(PyObject* x) {
        const py::object source = readable(x, wanted);
        imported in;
        import_object(source.ptr(), purpose::share, in);
        if (!meets_all(wanted, in.description)) return false;
        const argument_facts facts = facts_of(in, false);
        value_ = argument(in.description, facts, share(in.anchored_to(x)));
        return true;
    }

    bool load_copy(PyObject* x) {
        try {
            const py::object copy = converted(x, wanted);
            py::detail::loader_life_support::add_patient(copy);
            return load_borrow(copy.ptr(), true);
        } catch (const sharing_error&) {
            return false;
        } catch (py::error_already_set& error) {
            if (error.matches(PyExc_TypeError) || error.matches(PyExc_ValueError)) return false;
            throw;
        }
    }

    /// Called when all arguments have been loaded, just before the function.
    argument& checked() {
#ifndef NUMPY_BRIDGE_LOADS_EVERY_FUNCTION
        if (borrows && PyGILState_Check() == 0)
            throw py::type_error("borrowed arrays cannot be pinned here before the GIL is released; see docs/cpp.md");
#endif
        if (!witness_.agrees(value_))
            throw py::type_error("the memory of a borrowed array changed while other arguments were converted");
        return value_;
    }

    argument value_;
    witness witness_;
};

/// Whether an argument of type A is an array argument, or an optional one.
template <class A> struct is_array_argument : std::false_type {};
template <class Spec> struct is_array_argument<array_argument<Spec>> : std::true_type {
    using caster = argument_caster<Spec>;
    static constexpr bool optional = false;
};
template <class Spec> struct is_array_argument<std::optional<array_argument<Spec>>> : std::true_type {
    using caster = argument_caster<Spec>;
    static constexpr bool optional = true;
};
template <class A> using array_argument_traits = is_array_argument<py::detail::intrinsic_t<A>>;

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

template <class Spec>
struct type_caster<numpy_bridge::array_argument<Spec>> : numpy_bridge::detail::argument_caster<Spec> {};

} // namespace pybind11::detail
