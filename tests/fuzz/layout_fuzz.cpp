/// Validation, bounds and contiguity of any extents, against 128-bit arithmetic.

#include <numpy_bridge/memory.hpp>

#include "support.hpp"

using namespace numpy_bridge;
using namespace numpy_bridge_fuzz;

namespace {

void check_bounds(const layout& l) {
    const auto expected = span_of(l);
    const auto bounds = bounds_of(l);
    const bool fits = expected->below + expected->above <= std::numeric_limits<std::int64_t>::max();
    FUZZ_CHECK(bounds.has_value() == fits);
    if (bounds) FUZZ_CHECK(bounds->low == -expected->below && bounds->high == expected->above);
}

/// Packed in the order in which `axis(0)`, `axis(1)`, ... grow faster and faster.
template <class Axis> bool is_packed(const layout& l, const Axis& axis) {
    wide expected = l.itemsize;
    for (int i = l.ndim; i-- > 0;) {
        const int d = axis(i);
        if (l.shape[d] == 1) continue;
        if (l.strides[d] != expected) return false;
        expected = expected > enough / l.shape[d] ? enough : expected * l.shape[d];
    }
    return true;
}

void check_contiguity(const layout& l, const span& s) {
    const bool c_order = s.empty || is_packed(l, [](int i) { return i; });
    const bool f_order = s.empty || is_packed(l, [&l](int i) { return l.ndim - 1 - i; });
    FUZZ_CHECK(is_c_contiguous(l) == c_order);
    FUZZ_CHECK(is_f_contiguous(l) == f_order);
    const wide bytes = s.elements * l.itemsize;
    if ((c_order || f_order) && !s.empty) FUZZ_CHECK(s.below == 0 && s.above == bytes);
}

void check_c_strides(const memory& m) {
    std::vector<std::int64_t> strides(static_cast<std::size_t>(m.ndim));
    fill_c_strides(m.ndim, m.shape, itemsize(m), strides.data());
    memory packed = m;
    packed.strides = strides.data();
    if (is_valid(packed)) FUZZ_CHECK(is_c_contiguous(layout_of(packed)));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    FuzzedDataProvider data(bytes, size);
    memory m;
    m.type.id = static_cast<dtype>(data.ConsumeIntegralInRange<int>(0, static_cast<int>(dtype_table.size()) - 2));
    m.ndim = any_ndim(data);
    const auto shape = any_integers(data, m.ndim);
    auto strides = any_integers(data, m.ndim);
    m.data = any_address(data);
    m.shape = shape.data();
    m.strides = strides.data();
    // Strides that happen to be packed are rare: start from those, at times.
    if (data.ConsumeBool()) fill_c_strides(m.ndim, m.shape, itemsize(m), strides.data());

    const bool valid = is_valid(m);
    FUZZ_CHECK(is_refused([&m] { validate(m, "fuzz"); }) != valid);
    const auto s = span_of(layout_of(m));
    if (!s) return 0; // negative extents are for `validate` alone
    check_bounds(layout_of(m));
    check_c_strides(m);
    if (!valid) return 0;
    check_contiguity(layout_of(m), *s);
    FUZZ_CHECK(element_count(m) == s->elements && byte_count(m) == s->elements * itemsize(m));
    FUZZ_CHECK(is_empty(m) == s->empty);
    return 0;
}
