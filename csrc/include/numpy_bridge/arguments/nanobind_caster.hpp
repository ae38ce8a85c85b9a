/// nanobind's type casters for array arguments.
///
/// Arguments are loaded as those of pybind11 are. What differs is how each library makes a call: nanobind has its
/// casters in a `nanobind::detail::tuple`, which is specialised below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <nanobind/nanobind.h>
#include <nanobind/stl/optional.h>

#include <numpy_bridge/arguments/caster.hpp>
#include <numpy_bridge/arguments/gil.hpp>
#include <numpy_bridge/arguments/nanobind_guard.hpp>
#include <numpy_bridge/arguments/nanobind_refusals.hpp>
#include <numpy_bridge/arguments/words.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

namespace nb = nanobind;

template <std::size_t N> using nanobind_text = nb::detail::descr<N>;

/// An argument that is no array.
template <class Caster> struct nanobind_other : Caster {
    static constexpr bool is_array = false, borrows = false;

    bool from_python(nb::handle x, std::uint32_t flags, nb::detail::cleanup_list* call) {
        if (Caster::from_python(x, flags, call)) return true;
        refusals_of_call(*call).add(flags, [] {
            Py_INCREF(Py_Ellipsis);
            return Py_Ellipsis;
        });
        return false;
    }
};

/// An array, or an array or None, that is an argument of its own. Lasts until the bound function has returned.
template <class Argument, class Caster> class nanobind_array : Caster {
    static constexpr bool optional = is_array_argument<Argument>::optional;

public:
    static constexpr bool is_array = true, borrows = is_array_argument<Argument>::borrows;

    nanobind_array() = default;
    nanobind_array(const nanobind_array&) = delete;
    nanobind_array& operator=(const nanobind_array&) = delete;
    ~nanobind_array() {
        if constexpr (is_array_argument<Argument>::writes) {
            PyObject* const x = Caster::written();
            if (passed_) engine::note_writes(&x, 1);
        }
    }

    /// Raises TypeError with the reasons if no overload is left to try.
    bool from_python(nb::handle x, std::uint32_t flags, nb::detail::cleanup_list* call) {
        try {
            if (Caster::load(x.ptr(), (flags & nb::detail::cast_flags::convert) != 0)) return true;
        } catch (...) {
            translate_refusals();
            throw;
        }
        refusals_of_call(*call).add(flags, [&] { return reason(x.ptr()); });
        return false;
    }

    explicit operator Argument*() { return &passed(); }
    explicit operator Argument&() { return passed(); }
    explicit operator Argument&&() { return std::move(passed()); }

    using Caster::ran_no_code;

    /// Keeps the array, which has been passed, in place until the call has ended.
    void pin_array() { kept_.pinned.emplace(value()); }

    std::size_t position = 0;   ///< in the function
    bool may_have_moved = true; ///< loading the arguments may have run Python code
    void* casters = nullptr;    ///< of the call, if this is its first borrow
    void (*pin)(void* casters) = nullptr;

private:
    /// Called when all arguments are loaded.
    Argument& passed() {
        if (may_have_moved) Caster::require_unmoved();
        translate_refusals(); // those of the function's own
        passed_ = true;
        if constexpr (borrows)
            if (casters != nullptr) kept_.call.begin(casters, pin);
        if constexpr (optional) value_ = Caster::operator Argument();
        return value();
    }

    Argument& value() {
        if constexpr (optional) return value_;
        else return Caster::operator Argument&();
    }

    NUMPY_BRIDGE_NOINLINE PyObject* reason(PyObject* x) const {
        const argument_of_call refused = Caster::described();
        const std::string text = words_for(*refused.refused, x, *refused.wanted, "arg" + std::to_string(position));
        return PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace");
    }

    struct nothing {};
    struct for_guards {
        call_with_borrows call;
        std::optional<detail::pin> pinned;
    };
    std::conditional_t<optional, Argument, nothing> value_;
    std::conditional_t<borrows, for_guards, nothing> kept_;
    bool passed_ = false;
};

/// An array inside a container, or one that `nanobind::cast` makes.
template <class Spec>
bool load_item(nb::handle x, std::uint32_t flags, nb::detail::cleanup_list* call, array_argument<Spec>& out) {
    constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
    if (borrows && (flags & nb::detail::cast_flags::manual) != 0) return false; // nothing would hold it
    return load_item(x.ptr(), (flags & nb::detail::cast_flags::convert) != 0, out,
                     [call](nb::object kept) { call->append(kept.release().ptr()); });
}

/// The object whose part a result is, if the policy says so; else null.
inline PyObject* self_of(nb::rv_policy policy, const nb::detail::cleanup_list* call) noexcept {
    return policy == nb::rv_policy::reference_internal && call != nullptr ? call->self() : nullptr;
}

/// The caster of an argument of a function: ours for arrays, else nanobind's.
template <class T, bool IsArray = is_array_argument<T>::value> struct nanobind_caster_of {
    using type = nanobind_other<nb::detail::type_caster<T>>;
};
template <class T> struct nanobind_caster_of<T, true> {
    using type = nanobind_array<T, typename is_array_argument<T>::caster>;
};

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace nanobind::detail {

/// Arrays in containers, those that `nanobind::cast` makes, and those that go back to Python.
template <class Spec> struct type_caster<numpy_bridge::array_argument<Spec>> {
    using annotation = numpy_bridge::detail::argument_annotation<Spec>;
    NB_TYPE_CASTER(numpy_bridge::array_argument<Spec>,
                   (numpy_bridge::detail::descriptor_of<numpy_bridge::detail::nanobind_text, annotation>()))

    bool from_python(handle x, std::uint32_t flags, cleanup_list* call) noexcept {
        bool fits = false;
        const auto load = [&] { fits = numpy_bridge::detail::load_item(x, flags, call, value); };
        if (!numpy_bridge::detail::runs(load)) PyErr_WriteUnraisable(x.ptr()); // nanobind tries the next overload
        return fits;
    }

    /// The object that was passed, or the copy that was made of it. A member must be `shared`.
    static handle from_cpp(const Value& x, rv_policy policy, cleanup_list*) noexcept {
        if (std::is_same_v<typename Spec::hold, numpy_bridge::detail::borrow> &&
            policy == rv_policy::reference_internal) {
            PyErr_SetString(PyExc_TypeError, numpy_bridge::detail::hint_to_share);
            return {};
        }
        return x.handle() ? x.handle().inc_ref() : none().release();
    }
};

/// The casters of a call: ours, which record refusals.
template <class T, class S, class... Rest> struct tuple<type_caster<T, S>, Rest...> : tuple<Rest...> {
    using others = tuple<Rest...>;
    using caster = typename numpy_bridge::detail::nanobind_caster_of<T>::type;
    static constexpr bool has_others = sizeof...(Rest) > 0;

    /// nanobind calls it for each argument, to load it and again to pass it.
    template <std::size_t I> auto& get() {
        auto& x = at<I>();
        if constexpr (std::decay_t<decltype(x)>::is_array) {
            x.position = I;
            x.may_have_moved = !ran_no_code();
            if constexpr (I == first_borrow()) {
                x.casters = this;
                x.pin = [](void* casters) { static_cast<tuple*>(casters)->pin_arrays(); };
            }
        }
        return x;
    }

    template <std::size_t I> auto& at() {
        if constexpr (I == 0) return value;
        else return others::template at<I - 1>();
    }

    /// Whether loading the arguments has run no Python code.
    bool ran_no_code() const {
        if constexpr (!caster::is_array) return false;
        else if constexpr (has_others) return value.ran_no_code() && others::ran_no_code();
        else return value.ran_no_code();
    }

    void pin_arrays() {
        if constexpr (caster::borrows) value.pin_array();
        if constexpr (has_others) others::pin_arrays();
    }

    static constexpr std::size_t first_borrow() {
        if constexpr (caster::borrows || !has_others) return 0;
        else return 1 + others::first_borrow();
    }

private:
    caster value;
};

} // namespace nanobind::detail
