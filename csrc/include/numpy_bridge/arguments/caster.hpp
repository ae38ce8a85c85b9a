/// pybind11's type casters for array arguments.
#pragma once

#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <pybind11/pybind11.h>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/borrow.hpp>
#include <numpy_bridge/arguments/copy.hpp>
#include <numpy_bridge/arguments/everyday.hpp>
#include <numpy_bridge/arguments/refusal.hpp>

// In C++20 every function with array arguments goes through `array_argument_loader`.
#if defined(__cpp_concepts) && __cpp_concepts >= 201907L
#define NUMPY_BRIDGE_LOADS_EVERY_FUNCTION
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Whether the GIL keeps borrowed blocks where they are while the function runs. Where there is none, each is pinned.
#ifdef Py_GIL_DISABLED
inline constexpr bool gil_holds_borrows = false;
#else
inline constexpr bool gil_holds_borrows = true;
#endif

/// Keeps an array, pinned, until the bound function returns: for casters that are gone by then, and whose object may
/// be too, as those inside `std::vector` are. Neither later arguments nor a released GIL are seen there.
struct kept_by_call {
    static constexpr bool caster_outlives_call = false;

    static void keep(imported& in, PyObject* x) {
        py::detail::loader_life_support::add_patient(capsule_over(in.anchored_to(x)));
    }
};

/// The same for casters of whole arguments, which last until the function has returned.
class kept_by_caster {
public:
    static constexpr bool caster_outlives_call = true;

    void keep(imported& in, PyObject*) noexcept {
        pin_ = std::move(in.pin);
        lease_ = std::move(in.lease);
    }
    scoped_buffer& buffer() noexcept { return buffer_; }

private:
    py::object pin_;
    owner lease_;
    scoped_buffer buffer_;
};

inline void* stream_of(const imported& in) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): 1 and 2 are CUDA's own handles of its default streams
    return reinterpret_cast<void*>(in.stream);
}

/// Called where a call guard may have released the GIL without borrowed arrays having been pinned.
inline void require_gil() {
    if (PyGILState_Check() == 0)
        throw py::type_error(
            "borrowed arrays were not pinned before this call guard released the GIL; see docs/cpp.md");
}

/// Loads one argument. `explain` says afterwards why `load` returned false.
template <class Spec, class Keeper = kept_by_call> class argument_caster {
    using argument = array_argument<Spec>;
    static constexpr requirements wanted = Spec::wanted;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
    static_assert(borrows || (wanted.checked && !wanted.may_copy), "shared arguments are always checked, never copies");

public:
    argument_caster() {} // NOLINT(modernize-use-equals-default): pybind11's loader would fill it all with zeros

    static constexpr auto name = [] {
        constexpr auto text = words_for(wanted);
        py::detail::descr<text.size()> words;
        for (std::size_t i = 0; i < text.size(); ++i) words.text[i] = text.view()[i];
        return py::detail::const_name("typing.Annotated[typing.Any, \"") + words + py::detail::const_name("\"]");
    }();

    bool load(py::handle x, bool convert) {
        if constexpr (borrows && Keeper::caster_outlives_call && gil_holds_borrows)
            if (load_everyday(x.ptr())) return true;
        return load_anything(x.ptr(), convert);
    }

    static std::string explain(py::handle x, const std::string& called) {
        return reason_to_refuse(x.ptr(), wanted, called);
    }

    template <class U> using cast_op_type = py::detail::movable_cast_op_type<U>;
    explicit operator argument*() { return &checked(); }
    explicit operator argument&() { return checked(); }
    explicit operator argument&&() { return std::move(checked()); }

private:
    /// False leaves the decision to `load_as_it_is`.
    bool load_everyday(PyObject* x) {
        memory m;
        if (numpy_library::get().is_exact_array(x)) {
            if (!describe_plain_array(x, m) || !meets_every<wanted>(m)) return false;
            accept(m, x);
            ::new (static_cast<void*>(&witness_)) witness(witness::of_array(x));
            return true;
        }
        const torch_library* torch = torch_library::known();
        if (torch != nullptr && torch->is_exact_tensor(x) && torch->exchange_api() != nullptr) {
            if (wanted.checked && may_be_packed(wanted.dtypes)) return false;
            dims strides;
            if (!describe_plain_tensor(*torch, x, strides, m) || !meets_every<wanted>(m)) return false;
            if (wanted.checked && !is_plain_tensor(torch->layout, x, m, wanted.writable)) return false;
            accept(m, x);
            ::new (static_cast<void*>(&witness_)) witness(witness::of_tensor(x, *torch));
            return true;
        }
        if (!is_builtin_buffer(x) || !keeper_.buffer().take(x)) return false;
        if (describe_plain_buffer(keeper_.buffer().view(), m) && meets_every<wanted>(m)) {
            accept(m, x);
            ::new (static_cast<void*>(&witness_)) witness();
            return true;
        }
        keeper_.buffer().release();
        return false;
    }

    void accept(const memory& m, PyObject* x) noexcept {
        // In place: to write the fields one by one and then to copy them in larger pieces stalls the processor.
        static_assert(std::is_trivially_destructible_v<argument>);
        ::new (static_cast<void*>(&value_)) argument(m, nullptr, false, borrow(x));
    }

    [[gnu::noinline]] bool load_anything(PyObject* x, [[maybe_unused]] bool convert) {
        if (has_no_memory(x)) return false;
        try {
            if (load_as_it_is(x)) return true;
            if constexpr (wanted.may_copy) return convert && load_copy(x);
            else return false;
        } catch (const py::type_error&) { // speaks no protocol
            return false;
        }
    }

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
        witness seen;
        if constexpr (Keeper::caster_outlives_call && gil_holds_borrows) seen = import_for_call(x, wanted, in);
        else import_pinned(x, wanted, in);
        if (!meets_all(wanted, in.description)) return false;
        value_ = argument(in.description, stream_of(in), copied, borrow(x));
        keeper_.keep(in, x);
        witness_ = seen;
        return true;
    }

    bool load_share(PyObject* x) {
        const py::object source = readable(x, wanted);
        imported in;
        import_object(source.ptr(), purpose::share, in);
        if (!meets_all(wanted, in.description)) return false;
        void* stream = stream_of(in);
        value_ = argument(in.description, stream, false, share(in.anchored_to(x)));
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
            text_of_error(error); // raises what is not about the request
            return false;
        }
    }

    /// Called when all arguments have been loaded, just before the function.
    argument& checked() {
        if (!witness_.agrees(value_))
            throw py::type_error("the memory of a borrowed array changed while other arguments were converted");
        return value_;
    }

    argument value_;
    witness witness_;
    Keeper keeper_;
};

/// Loads an array or None.
template <class Spec> class optional_argument_caster {
    using caster = argument_caster<Spec, kept_by_caster>;
    using argument = std::optional<array_argument<Spec>>;

public:
    static constexpr auto name = caster::name + py::detail::const_name(" | None");

    bool load(py::handle x, bool convert) {
        none_ = x.is_none();
        return none_ || inner_.load(x, convert);
    }

    template <class> using cast_op_type = argument;
    explicit operator argument() {
        if (none_) return std::nullopt;
        return inner_.operator array_argument<Spec>&();
    }

private:
    caster inner_;
    bool none_ = false;
};

/// Whether an argument of type A is an array argument, or an optional one.
template <class A> struct is_array_argument : std::false_type {
    static constexpr bool borrows = false;
};
template <class Spec> struct is_array_argument<array_argument<Spec>> : std::true_type {
    using caster = argument_caster<Spec>;
    using caster_of_argument = argument_caster<Spec, kept_by_caster>;
    static constexpr bool optional = false;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
};
template <class Spec> struct is_array_argument<std::optional<array_argument<Spec>>> : std::true_type {
    using caster = argument_caster<Spec>;
    using caster_of_argument = optional_argument_caster<Spec>;
    static constexpr bool optional = true;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
};
template <class A> using array_argument_traits = is_array_argument<py::detail::intrinsic_t<A>>;

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

template <class Spec>
struct type_caster<numpy_bridge::array_argument<Spec>> : numpy_bridge::detail::argument_caster<Spec> {};

} // namespace pybind11::detail
