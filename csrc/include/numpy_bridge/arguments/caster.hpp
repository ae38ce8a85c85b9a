/// Loads the arguments of a call for the type casters of pybind11 and nanobind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include <numpy_bridge/arguments/argument_of_call.hpp>
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

inline void* stream_of(const imported& in) noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): 1 and 2 are CUDA's own handles of its default streams
    return reinterpret_cast<void*>(in.stream);
}

/// Loads a whole argument. Lasts until the bound function has returned.
template <class Spec> class argument_caster {
    using argument = array_argument<Spec>;
    static constexpr requirements wanted = Spec::wanted;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>;
    static constexpr bool holds_nothing = borrows && gil_holds_borrows;
    static constexpr auto held = holds_nothing ? engine::hold::nothing : engine::hold::lasting;
    static_assert(borrows || wanted.checked, "shared arguments are always checked");

public:
    argument_caster() {} // NOLINT(modernize-use-equals-default): or tuples of casters would fill it all with zeros

    bool load(py::handle x, bool convert) {
        if constexpr (wanted.record) wanted.record.dtype(); // raises if it is not registered
        if constexpr (holds_nothing) {
            const plain found = load_plain(x.ptr());
            if (found == plain::fits) return true;
            if (found == plain::misfit && !convert) return false; // whoever wants the reason loads it again
            if (found == plain::unheld) return load_anything(x.ptr(), convert, engine::hold::call);
        }
        return load_anything(x.ptr(), convert, held);
    }

    /// Its `refused` is null as well if the fast path has refused the argument.
    argument_of_call described() const noexcept {
        return {&wanted, held, false, kept_.imported ? kept_.imported->refused.get() : nullptr};
    }

    /// Whether loading ran no Python code, which could have moved the memory of earlier arguments.
    bool ran_no_code() const noexcept { return plain_; }

    /// Raises TypeError if the memory has moved since it was loaded. Runs no Python code.
    NUMPY_BRIDGE_NOINLINE void require_unmoved() const {
        dims strides;
        if (seen_.still_there != nullptr && !seen_.still_there(seen_, value_.description(strides))) raise_moved();
    }

    /// The object that the function may write to, borrowed; null if it only reads.
    PyObject* written() const noexcept { return wanted.writable ? value_.handle().ptr() : nullptr; }

    explicit operator argument*() noexcept { return &value_; }
    explicit operator argument&() noexcept { return value_; }
    explicit operator argument&&() noexcept { return std::move(value_); }

private:
    /// What the fast path makes of an argument.
    enum class plain : std::uint8_t {
        no,
        unheld, ///< it has to be held
        misfit, ///< nothing but a copy could change that
        fits,
    };

    plain load_plain(PyObject* x) {
        if (numpy_library::get().is_exact_array(x)) {
            memory m;
            if (!describe_plain_array(x, wanted.record, m)) return plain::no;
            if (!fits(m)) return plain::misfit;
            accept(m, x);
            seen_.object = x;
            seen_.still_there = engine::is_array_unmoved;
            return plain::fits;
        }
        return load_plain_tensor_or_buffer(x);
    }

    NUMPY_BRIDGE_NOINLINE plain load_plain_tensor_or_buffer(PyObject* x) {
        dims strides;
        const memory m = describe_plain(x, wanted, kept_.buffer, strides, seen_);
        if (m.ndim >= 0 && fits(m)) {
            accept(m, x);
            plain_ = seen_.still_there != engine::is_unmoved_for_producer; // which has run the producer's code
            return plain::fits;
        }
        kept_.buffer.reset();
        return m.ndim >= 0 ? plain::misfit : m.ndim == needs_hold ? plain::unheld : plain::no;
    }

    static bool fits(const memory& m) noexcept { return meets_every<wanted>(m); }

    void accept(const memory& m, PyObject* x) noexcept {
        // In place: copying fields in larger pieces just after writing them one by one stalls the processor.
        static_assert(std::is_trivially_destructible_v<argument>);
        ::new (static_cast<void*>(&value_)) argument(m, nullptr, false, borrow(x));
        plain_ = true;
    }

    NUMPY_BRIDGE_NOINLINE bool load_anything(PyObject* x, bool convert, engine::hold hold) {
        loaded_argument loaded;
        auto refused = load_argument(x, wanted, hold, convert, loaded);
        if (refused != nullptr) {
            kept_.imported.emplace().refused = std::move(refused);
            return false;
        }
        imported& in = loaded.in;
        if constexpr (!borrows) {
            value_ = argument(in.description, stream_of(in), static_cast<bool>(loaded.copy),
                              share(in.anchored_to(loaded.object)));
        } else {
            value_ = argument(in.description, stream_of(in), static_cast<bool>(loaded.copy), borrow(loaded.object));
            seen_ = in.seen;
            auto& kept = kept_.imported.emplace();
            kept.copy = std::move(loaded.copy);
            kept.pin = std::move(in.pin);
            kept.lease = std::move(in.lease);
        }
        return true;
    }

    argument value_;
    engine::witness seen_{};
    bool plain_ = false;
    kept_for_call kept_;
};

/// Loads an array or None.
template <class Spec> class optional_argument_caster {
    using caster = argument_caster<Spec>;
    using argument = std::optional<array_argument<Spec>>;

public:
    bool load(py::handle x, bool convert) {
        none_ = x.is_none();
        return none_ || inner_.load(x, convert);
    }

    argument_of_call described() const noexcept {
        argument_of_call inner = inner_.described();
        inner.may_be_none = true;
        return inner;
    }

    bool ran_no_code() const noexcept { return none_ || inner_.ran_no_code(); }
    void require_unmoved() const {
        if (!none_) inner_.require_unmoved();
    }

    PyObject* written() const noexcept { return none_ ? nullptr : inner_.written(); }

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
    static constexpr bool borrows = false, writes = false;
};
template <class Spec> struct is_array_argument<array_argument<Spec>> : std::true_type {
    using caster = argument_caster<Spec>;
    static constexpr bool optional = false;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>, writes = Spec::wanted.writable;
};
template <class Spec> struct is_array_argument<std::optional<array_argument<Spec>>> : std::true_type {
    using caster = optional_argument_caster<Spec>;
    static constexpr bool optional = true;
    static constexpr bool borrows = std::is_same_v<typename Spec::hold, borrow>, writes = Spec::wanted.writable;
};

/// Loads an array inside a container, pinned: its caster is gone before the function runs, and its object may be.
/// `keep(capsule)` keeps a borrowed one until the call has ended.
template <class Spec, class Keep> bool load_item(PyObject* x, bool convert, array_argument<Spec>& out, Keep keep) {
    constexpr const requirements& wanted = Spec::wanted;
    if constexpr (wanted.record) wanted.record.dtype(); // raises if it is not registered
    loaded_argument loaded;
    if (load_argument(x, wanted, engine::hold::lasting, convert, loaded) != nullptr) return false;
    const auto over = [&](auto kept) {
        return array_argument<Spec>(loaded.in.description, stream_of(loaded.in), static_cast<bool>(loaded.copy),
                                    std::move(kept));
    };
    if constexpr (std::is_same_v<typename Spec::hold, borrow>) {
        out = over(borrow(loaded.object));
        keep(engine::capsule_over(loaded.in.anchored_to(loaded.object)));
    } else {
        out = over(share(loaded.in.anchored_to(loaded.object)));
    }
    if constexpr (wanted.writable) engine::note_write(x);
    return true;
}

inline constexpr const char* hint_to_share =
    "a borrowed array is gone after the call that took it: keep a numpy_bridge::shared";

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END
