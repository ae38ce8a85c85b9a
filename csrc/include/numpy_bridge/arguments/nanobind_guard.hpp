/// Call guards of nanobind, which may release the GIL: borrowed arrays are pinned first.
#pragma once

#include <nanobind/nanobind.h>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// A call with borrowed arrays, in a list of those that are being made on this thread. One of the call's casters has
/// it.
class call_with_borrows {
public:
    call_with_borrows() = default;
    call_with_borrows(const call_with_borrows&) = delete;
    call_with_borrows& operator=(const call_with_borrows&) = delete;
    ~call_with_borrows() {
        if (begun_) last = before_;
    }

    /// Call it when the function is about to run; `pin(casters)` pins the arrays.
    void begin(void* casters, void (*pin)(void* casters)) noexcept {
        casters_ = casters;
        pin_ = pin;
        before_ = last;
        last = this;
        begun_ = true;
    }

    /// Pins the arrays of the call that began last.
    static void pin_last() {
        if (last != nullptr) last->pin_(last->casters_);
    }

private:
    inline static thread_local call_with_borrows* last = nullptr;

    void* casters_;
    void (*pin_)(void* casters);
    call_with_borrows* before_;
    bool begun_ = false;
};

struct pins_last_call {
    pins_last_call() { call_with_borrows::pin_last(); }
};

/// The guards, after the pins.
template <class Guards> struct guards_after_pins : pins_last_call, Guards {};

} // namespace detail

NUMPY_BRIDGE_NAMESPACE_END

namespace nanobind {

template <class Guard, class... Guards> struct call_guard<Guard, Guards...> {
    using type = numpy_bridge::detail::guards_after_pins<detail::tuple<Guard, Guards...>>;
};

} // namespace nanobind
