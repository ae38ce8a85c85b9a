/// pybind11's type casters for array arguments.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <pybind11/pybind11.h>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/fast_path.hpp>
#include <numpy_bridge/arguments/load.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Whether the GIL keeps borrowed blocks in place while the function runs. Without a GIL each is pinned.
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

/// Loads one argument.
template <class Spec, class Keeper = kept_by_call> class argument_caster {
    using argument = array_argument<Spec>;
    static constexpr requirements wanted = Spec::wanted;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
    static constexpr bool holds_nothing = borrows && Keeper::caster_outlives_call && gil_holds_borrows;
    static_assert(borrows || (wanted.checked && !wanted.may_copy), "shared arguments are always checked, never copies");

public:
    argument_caster() {} // NOLINT(modernize-use-equals-default): pybind11's loader would fill it all with zeros
    argument_caster(argument_caster&&) = default; // before it is used
    argument_caster& operator=(argument_caster&&) = delete;

    /// A function that was called has written to what it was given.
    ~argument_caster() {
        if constexpr (wanted.writable)
            if (passed_ != nullptr) engine::note_write_quietly(passed_);
    }

    static constexpr auto name = [] {
        constexpr auto text = words_for(wanted);
        py::detail::descr<text.size()> words;
        for (std::size_t i = 0; i < text.size(); ++i) words.text[i] = text.view()[i];
        return py::detail::const_name("typing.Annotated[typing.Any, \"") + words + py::detail::const_name("\"]");
    }();

    bool load(py::handle x, bool convert) {
        if constexpr (holds_nothing)
            if (load_plain(x.ptr())) return true;
        return load_anything(x.ptr(), convert);
    }

    /// The reason why `load` returned false, as text; `called` is the argument's name.
    std::string reason(py::handle x, const std::string& called) const {
        return words_for(*refused_, x.ptr(), wanted, called);
    }

    template <class U> using cast_op_type = py::detail::movable_cast_op_type<U>;
    explicit operator argument*() { return &checked(); }
    explicit operator argument&() { return checked(); }
    explicit operator argument&&() { return std::move(checked()); }

private:
    /// If false, `load_anything` decides.
    bool load_plain(PyObject* x) {
        if (numpy_library::get().is_exact_array(x)) {
            memory m;
            if (!describe_plain_array(x, m) || !fits(m)) return false;
            accept(m, x);
            seen_.object = x;
            seen_.still_there = engine::is_array_unmoved;
            return true;
        }
        return load_plain_tensor_or_buffer(x);
    }

    PYBIND11_NOINLINE bool load_plain_tensor_or_buffer(PyObject* x) {
        dims strides;
        const memory m = describe_plain(x, wanted, keeper_.buffer(), strides, seen_);
        if (m.ndim < 0) return false;
        if (fits(m)) {
            accept(m, x);
            return true;
        }
        keeper_.buffer().reset();
        return false;
    }

    static bool fits(const memory& m) noexcept { return meets_every<wanted>(m); }

    void accept(const memory& m, PyObject* x) noexcept {
        // In place: copying fields in larger pieces just after writing them one by one stalls the processor.
        static_assert(std::is_trivially_destructible_v<argument>);
        ::new (static_cast<void*>(&value_)) argument(m, nullptr, false, borrow(x));
        object_ = x;
    }

    PYBIND11_NOINLINE bool load_anything(PyObject* x, bool convert) {
        loaded_argument loaded;
        refused_ =
            load_argument(x, wanted, holds_nothing ? engine::hold::nothing : engine::hold::lasting, convert, loaded);
        if (refused_ != nullptr) return false;
        imported& in = loaded.in;
        if constexpr (borrows) {
            value_ = argument(in.description, stream_of(in), loaded.copied, borrow(loaded.object));
            keeper_.keep(in, loaded.object);
            seen_ = in.seen;
        } else {
            value_ = argument(in.description, stream_of(in), false, share(in.anchored_to(x)));
        }
        object_ = loaded.object;
        return true;
    }

    /// Called when all arguments have been loaded, just before the function. Loading the later ones may have run code
    /// that moved the memory of this one.
    argument& checked() {
        if (!is_unmoved())
            throw py::type_error("the memory of a borrowed array changed while other arguments were converted");
        if constexpr (wanted.writable) passed_ = origin();
        return value_;
    }

    /// Where writes are counted: the object, or what an ndarray, which counts none, has its memory from. Often null
    /// then.
    PyObject* origin() const noexcept {
        if (seen_.still_there == engine::is_array_unmoved)
            return reinterpret_cast<const numpy_abi::array*>(seen_.object)->base;
        return object_;
    }

    bool is_unmoved() const {
        if (seen_.still_there == nullptr) return true;
        if (seen_.still_there == engine::is_array_unmoved) { // as that function does, but with N known
            const auto& now = *reinterpret_cast<const numpy_abi::array*>(seen_.object);
            const unsigned exponent = itemsize_exponent(value_.dtype());
            bool same = now.ndim == value_.ndim() && static_cast<const void*>(now.data) == value_.data();
            for (int i = 0; same && i < value_.ndim(); ++i)
                same = now.shape[i] == value_.shape()[i] && now.strides[i] >> exponent == value_.strides()[i];
            return same;
        }
        dims strides;
        return seen_.still_there(seen_, value_.description(strides));
    }

    argument value_;
    engine::witness seen_{};
    PyObject* object_ = nullptr;
    PyObject* passed_ = nullptr;
    std::unique_ptr<const refused_argument> refused_;
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

    std::string reason(py::handle x, const std::string& called) const { return inner_.reason(x, called); }

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
