/// Working on arrays without the GIL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <numpy_bridge/arguments/array_argument.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace detail {

/// Keeps the block behind a borrowed array in place; other arguments need nothing, and arrays inside containers are
/// pinned already.
class pin {
public:
    template <class Argument> explicit pin(const Argument&) noexcept {}

    template <class T, class... C> explicit pin(const borrowed<T, C...>& x) {
        if (const py::object object = x.object(); object && !x.copied()) keep(object.ptr(), x);
    }

    // Both, since the first constructor would take a pointer to either.
    template <class T, class... C> explicit pin(const borrowed<T, C...>* const& x) : pin(*x) {}
    template <class T, class... C> explicit pin(borrowed<T, C...>* const& x) : pin(*x) {}

    template <class T, class... C> explicit pin(const std::optional<borrowed<T, C...>>& x) {
        if (x && !x->copied()) keep(x->object().ptr(), *x);
    }

private:
    template <class Argument> void keep(PyObject* x, const Argument& argument) {
        dims strides;
        keep_memory(x, argument.description(strides));
    }

    /// Raises TypeError if `x` no longer has the address and the shape of `was`.
    void keep_memory(PyObject* x, const memory& was);

    std::optional<anchor> kept_;
};

} // namespace detail

/// Releases the GIL for a scope, after pinning the borrowed arrays given, which other threads could
/// otherwise resize meanwhile. Arrays that are not named here must not be touched in the scope.
/// Pinning a tensor's storage is permanent, as with `Tensor.numpy()`: it can never be resized again.
///
///     borrowed<float> x; ...
///     { const gil_released scope(x); work(x.data()); }
template <class... Arguments> class gil_released {
public:
    explicit gil_released(const Arguments&... arguments) : pins_{detail::pin(arguments)...} { release_.emplace(); }
    ~gil_released() = default; // takes the GIL back before the pins are released
    gil_released(const gil_released&) = delete;
    gil_released& operator=(const gil_released&) = delete;

private:
    std::array<detail::pin, sizeof...(Arguments)> pins_;
    std::optional<engine::without_gil> release_;
};

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/arguments/gil.cpp"
#endif
