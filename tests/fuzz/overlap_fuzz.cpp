/// Exact overlap against a walk through all elements, for two arrays of any layout.

#include <numpy_bridge/overlap.hpp>

#include "../cpp/overlap_support.hpp"
#include "support.hpp"

using namespace numpy_bridge;
using namespace numpy_bridge_fuzz;
using numpy_bridge_test::array;
using numpy_bridge_test::share_a_byte;

namespace {

constexpr std::int64_t most_elements = 64;

array any_array(FuzzedDataProvider& data) {
    array a;
    a.type = static_cast<dtype>(data.ConsumeIntegralInRange<int>(0, static_cast<int>(dtype_table.size()) - 2));
    std::int64_t room = most_elements;
    for (int axes = data.ConsumeIntegralInRange<int>(0, 6); axes > 0; --axes) {
        a.shape.push_back(data.ConsumeIntegralInRange<std::int64_t>(0, std::min<std::int64_t>(room, 8)));
        a.strides.push_back(data.ConsumeBool() ? any_integer(data) : data.ConsumeIntegral<std::int16_t>());
        room /= std::max<std::int64_t>(a.shape.back(), 1);
    }
    a.address = (std::uint64_t{1} << 62) + data.ConsumeIntegral<std::uint16_t>();
    return a;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    FuzzedDataProvider data(bytes, size);
    const array a = any_array(data), b = any_array(data);
    if (!is_valid(a.memory()) || !is_valid(b.memory())) return 0;
    const overlap expected = share_a_byte(a, b) ? overlap::yes : overlap::no;
    // Few elements need few nodes: one for each value of each but the last two axes.
    FUZZ_CHECK(overlaps(a.memory(), b.memory()) == expected);
    FUZZ_CHECK(overlaps(b.memory(), a.memory()) == expected);
    const overlap quick = overlaps(a.memory(), b.memory(), data.ConsumeIntegralInRange<std::int64_t>(0, 8));
    FUZZ_CHECK(quick == expected || quick == overlap::too_hard);
    if (expected == overlap::yes) FUZZ_CHECK(bounds_overlap(a.memory(), b.memory()));
    return 0;
}
