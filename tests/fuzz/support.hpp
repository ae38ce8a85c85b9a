/// What the fuzz targets share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <vector>

#include <fuzzer/FuzzedDataProvider.h>

#include <numpy_bridge/memory.hpp>

/// Ends the process, which libFuzzer reports together with the input.
#define FUZZ_CHECK(condition)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                               \
            std::abort();                                                                                              \
        }                                                                                                              \
    } while (false)

namespace numpy_bridge_fuzz {

__extension__ using wide = __int128;

/// Any number, most often one at which arithmetic goes wrong, or a small one.
inline std::int64_t any_integer(FuzzedDataProvider& data) {
    using limits = std::numeric_limits<std::int64_t>;
    switch (data.ConsumeIntegralInRange<int>(0, 5)) {
    case 0:
        return data.ConsumeIntegral<std::int64_t>();
    case 1:
        return data.PickValueInArray({limits::min(), limits::min() + 1, limits::max(), limits::max() - 1});
    case 2: {
        const std::int64_t power = std::int64_t{1} << data.ConsumeIntegralInRange<int>(0, 62);
        return data.ConsumeBool() ? power - data.ConsumeIntegralInRange<int>(-1, 1) : -power;
    }
    default:
        return data.ConsumeIntegralInRange<std::int64_t>(-9, 9);
    }
}

inline std::vector<std::int64_t> any_integers(FuzzedDataProvider& data, int count) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (std::int64_t& value : values) value = any_integer(data);
    return values;
}

inline int any_ndim(FuzzedDataProvider& data) {
    return data.ConsumeIntegralInRange<int>(0, data.ConsumeBool() ? 4 : numpy_bridge::max_ndim);
}

/// What a layout spans, in arithmetic too wide to overflow. `below` and `above` are distances from the
/// first element; nothing where an extent is negative.
struct span {
    bool empty;
    wide elements; ///< saturated
    wide below, above;
};

inline constexpr wide enough = wide{1} << 100; ///< larger than anything that is allowed

inline std::optional<span> span_of(const numpy_bridge::layout& l) {
    span s{false, 1, 0, l.itemsize};
    for (int i = 0; i < l.ndim; ++i) {
        if (l.shape[i] < 0) return std::nullopt;
        s.empty = s.empty || l.shape[i] == 0;
    }
    if (s.empty) return span{true, 0, 0, 0};
    for (int i = 0; i < l.ndim; ++i) {
        s.elements = s.elements > enough / l.shape[i] ? enough : s.elements * l.shape[i];
        const wide stride = l.strides[i];
        const wide reach = stride * (l.shape[i] - 1);
        (reach < 0 ? s.below : s.above) += reach < 0 ? -reach : reach;
        s.below = std::min(s.below, enough);
        s.above = std::min(s.above, enough);
    }
    return s;
}

/// Whether `validate` has to accept `m`.
inline bool is_valid(const numpy_bridge::memory& m) {
    constexpr wide most = std::numeric_limits<std::int64_t>::max();
    constexpr wide addresses = wide{1} << 57;
    const auto s = span_of(layout_of(m));
    if (!s) return false;
    if (s->empty) return true;
    const wide address = reinterpret_cast<std::uintptr_t>(m.data);
    return s->elements * numpy_bridge::itemsize(m) <= most && s->below + s->above <= most && address != 0 &&
           address - s->below >= 0 && address + s->above <= addresses;
}

/// An address that nothing is ever read from.
inline std::byte* any_address(FuzzedDataProvider& data) {
    return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(any_integer(data)));
}

/// Whether the call is refused, and in words that can be read.
template <class Function> bool is_refused(const Function& function) {
    try {
        function();
        return false;
    } catch (const numpy_bridge::sharing_error& error) {
        const auto& why = error.why();
        FUZZ_CHECK(!why.protocol.empty() && !why.field.empty() && !why.expected.empty() && !why.got.empty());
        return true;
    }
}

} // namespace numpy_bridge_fuzz
