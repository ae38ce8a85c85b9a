/// Few processors add 16-bit floats, but many convert packed rows of them quickly. So elements that are not packed are
/// gathered in blocks first.
#include "add_halves.hpp"

#include <algorithm>
#include <array>

#include "rows.hpp"
#include "simd.hpp"
#include "sum.hpp"
#include "unaligned.hpp"

#if defined(NUMPY_BRIDGE_X86)
#include <immintrin.h>
#if !defined(__clang__) // GCC warns about its own intrinsics: bug 105593, and about macros in unoptimised builds
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace kernels {

namespace {

template <class T> NUMPY_BRIDGE_EVERYWHERE inline void add_packed(std::byte* x, const std::byte* y, std::int64_t n) {
    NUMPY_BRIDGE_INDEPENDENT
    for (std::int64_t i = 0; i < 2 * n; i += 2) store(x + i, sum(load<T>(x + i), load<T>(y + i)));
}

NUMPY_BRIDGE_DISPATCH(add_bfloat16, add_packed<bfloat16>, (std::byte * x, const std::byte* y, std::int64_t n),
                      (x, y, n))

#if defined(NUMPY_BRIDGE_X86)

__attribute__((target("avx512f"))) void add_float16_avx512(std::byte* x, const std::byte* y, std::int64_t n) noexcept {
    std::int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const auto at = [i](auto* p) { return reinterpret_cast<const __m256i*>(p + 2 * i); };
        const __m512 a = _mm512_cvtph_ps(_mm256_loadu_si256(at(x))), b = _mm512_cvtph_ps(_mm256_loadu_si256(at(y)));
        const __m256i result = _mm512_cvtps_ph(_mm512_add_ps(a, b), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(x + 2 * i), result);
    }
    add_packed<float16>(x + 2 * i, y + 2 * i, n - i);
}

__attribute__((target("avx2,f16c"))) void add_float16_avx2(std::byte* x, const std::byte* y, std::int64_t n) noexcept {
    std::int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const auto at = [i](auto* p) { return reinterpret_cast<const __m128i*>(p + 2 * i); };
        const __m256 a = _mm256_cvtph_ps(_mm_loadu_si128(at(x))), b = _mm256_cvtph_ps(_mm_loadu_si128(at(y)));
        const __m128i result = _mm256_cvtps_ph(_mm256_add_ps(a, b), _MM_FROUND_TO_NEAREST_INT);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(x + 2 * i), result);
    }
    add_packed<float16>(x + 2 * i, y + 2 * i, n - i);
}

void add_float16_baseline(std::byte* x, const std::byte* y, std::int64_t n) noexcept { add_packed<float16>(x, y, n); }

/// Every processor with AVX2 has F16C, too.
void add_float16(std::byte* x, const std::byte* y, std::int64_t n) noexcept {
    static const auto best = __builtin_cpu_supports("avx512f") ? add_float16_avx512
                             : __builtin_cpu_supports("avx2")  ? add_float16_avx2
                                                               : add_float16_baseline;
    best(x, y, n);
}

#else

void add_float16(std::byte* x, const std::byte* y, std::int64_t n) noexcept { add_packed<float16>(x, y, n); }

#endif

constexpr std::int64_t block_elements = 1024;

/// Packed elements on the stack, not initialised.
struct block {
    std::array<std::byte, static_cast<std::size_t>(block_elements) * 4> bytes;

    const std::byte* gather(std::int64_t size, std::int64_t n, std::int64_t step, const std::byte* from) noexcept {
        move_row(size, {n, size, step}, bytes.data(), from);
        return bytes.data();
    }
};

} // namespace

void add_halves(dtype id, const loop& row, std::byte* x, const std::byte* y) noexcept {
    const bool pairs = id == dtype::complex32;
    const std::int64_t size = pairs ? 4 : 2;
    const auto add = id == dtype::bfloat16 ? add_bfloat16 : add_float16;
    const bool x_packed = row.target == size, y_packed = row.source == size;
    block xs, ys;
    if (row.source == 0) ys.gather(size, std::min(row.extent, block_elements), 0, y);
    for (std::int64_t done = 0; done < row.extent; done += block_elements) {
        const std::int64_t n = std::min(block_elements, row.extent - done);
        std::byte* to = x + done * row.target;
        const std::byte* from = y + done * row.source;
        if (row.source == 0) from = ys.bytes.data();
        else if (!y_packed) from = ys.gather(size, n, row.source, from);
        if (!x_packed) xs.gather(size, n, row.target, to);
        add(x_packed ? to : xs.bytes.data(), from, pairs ? 2 * n : n);
        if (!x_packed) move_row(size, {n, row.target, size}, to, xs.bytes.data());
    }
}

} // namespace kernels

NUMPY_BRIDGE_NAMESPACE_END
