/// Call guards of nanobind, which may release the GIL: borrowed arrays are pinned first.
#pragma once

#include <nanobind/nanobind.h>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// A borrowed array with which a function is being called, in a list of all these on this thread.
class passed_borrow {
public:
    passed_borrow() = default;
    passed_borrow(const passed_borrow&) = delete;
    passed_borrow& operator=(const passed_borrow&) = delete;

    /// Pins the arrays of the call that began last.
    static void pin_last_call() {
        for (passed_borrow* each = last; each != nullptr && each->call_ == last->call_; each = each->before_)
            each->pin_array();
    }

protected:
    /// All arrays of a call are passed before one of them is destroyed, in any order.
    ~passed_borrow() {
        while (call_ != nullptr && last != nullptr && last->call_ == call_) last = last->before_;
    }

    /// Call it when the function is about to run.
    void pass(const nanobind::detail::cleanup_list& call) noexcept {
        call_ = &call;
        before_ = last;
        last = this;
    }

    virtual void pin_array() = 0;

private:
    inline static thread_local passed_borrow* last = nullptr;

    const nanobind::detail::cleanup_list* call_ = nullptr;
    passed_borrow* before_ = nullptr;
};

struct pins_last_call {
    pins_last_call() { passed_borrow::pin_last_call(); }
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
