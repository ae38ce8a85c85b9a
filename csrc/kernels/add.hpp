/// Addition in place: what it computes, element by element.
#pragma once

#include <cstdint>
#include <optional>

#include <numpy_bridge/dtype.hpp>

#include "elements.hpp"
#include "iteration.hpp"

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

/// Integers wrap, floats round once.
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline T sum(T a, T b) noexcept { return static_cast<T>(a + b); }
NUMPY_BRIDGE_HOST_DEVICE inline float16 sum(float16 a, float16 b) noexcept {
    return to_float16(to_float(a) + to_float(b));
}
NUMPY_BRIDGE_HOST_DEVICE inline bfloat16 sum(bfloat16 a, bfloat16 b) noexcept {
    return to_bfloat16(to_float(a) + to_float(b));
}
template <class T> NUMPY_BRIDGE_HOST_DEVICE inline complex<T> sum(complex<T> a, complex<T> b) noexcept {
    return {sum(a.real, b.real), sum(a.imag, b.imag)};
}

/// How to add: signed integers add as unsigned ones do, complex numbers as pairs.
enum class arithmetic : std::uint8_t { uint8, uint16, uint32, uint64, float16, bfloat16, float32, float64 };

struct addition {
    arithmetic of;
    bool complex;
};

/// Nothing for dtypes without an addition: bool, and floats of a byte or less, which no two libraries add alike.
constexpr std::optional<addition> addition_of(dtype id) noexcept {
    switch (id) {
    case dtype::int8:
    case dtype::uint8:
        return addition{arithmetic::uint8, false};
    case dtype::int16:
    case dtype::uint16:
        return addition{arithmetic::uint16, false};
    case dtype::int32:
    case dtype::uint32:
        return addition{arithmetic::uint32, false};
    case dtype::int64:
    case dtype::uint64:
        return addition{arithmetic::uint64, false};
    case dtype::float16:
        return addition{arithmetic::float16, false};
    case dtype::bfloat16:
        return addition{arithmetic::bfloat16, false};
    case dtype::float32:
        return addition{arithmetic::float32, false};
    case dtype::float64:
        return addition{arithmetic::float64, false};
    case dtype::complex32:
        return addition{arithmetic::float16, true};
    case dtype::complex64:
        return addition{arithmetic::float32, true};
    case dtype::complex128:
        return addition{arithmetic::float64, true};
    default:
        return std::nullopt;
    }
}

/// Adds on the CPU. Source and target share no byte, or all of them element by element. Elements need not be aligned.
void add_on_cpu(addition how, const iteration& it) noexcept;

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
