/// Every parser of names: what it accepts must read back as the same when written out again.

#include <string>

#include <numpy_bridge/device.hpp>
#include <numpy_bridge/dtype.hpp>

#include "support.hpp"

using namespace numpy_bridge;
using namespace numpy_bridge_fuzz;

namespace {

bool same_type(element_type a, element_type b) { return a.id == b.id && a.order == b.order; }

void check_format(const std::string& text, std::size_t size) {
    const auto type = from_format(text, size);
    if (!type) return;
    FUZZ_CHECK(itemsize(type->id) == size);
    FUZZ_CHECK(format_of(*type) != nullptr);
    const auto again = from_format(format_of(*type), size);
    FUZZ_CHECK(again && same_type(*again, *type));
}

void check_typestr(const std::string& text) {
    const auto type = from_typestr(text);
    if (!type) return;
    const dtype_info& row = info(type->id);
    FUZZ_CHECK(row.kind != 0);
    const bool little = detail::big_endian == (type->order == byte_order::swapped);
    const std::string written = std::string(1, row.itemsize == 1 ? '|'
                                               : little          ? '<'
                                                                 : '>') +
                                row.kind + std::to_string(row.itemsize);
    const auto again = from_typestr(written);
    FUZZ_CHECK(again && same_type(*again, *type));
    if (type->order == byte_order::swapped) FUZZ_CHECK(name_of(*type) == written);
}

void check_device(const std::string& text) {
    const auto where = parse_device(text);
    if (!where) return;
    FUZZ_CHECK(where->index >= 0);
    const auto again = parse_device(name_of(*where));
    FUZZ_CHECK(again && again->type == where->type);
    FUZZ_CHECK(again->index == where->index || where->type == device_type::cpu);
}

void check_numbers(FuzzedDataProvider& data) {
    const dlpack::data_type type{static_cast<dlpack::type_code>(data.ConsumeIntegral<std::uint8_t>()),
                                 data.ConsumeIntegral<std::uint8_t>(), data.ConsumeIntegral<std::uint16_t>()};
    if (const auto id = from_dlpack(type)) FUZZ_CHECK(same(info(*id).dlpack, type));
    FUZZ_CHECK(!name_of(type).empty());
    const int number = static_cast<int>(any_integer(data));
    if (const auto id = from_numpy_number(number)) FUZZ_CHECK(info(*id).numpy_number >= 0);
    const device where{static_cast<device_type>(data.ConsumeIntegral<std::int32_t>()), 0};
    FUZZ_CHECK(!name_of(where).empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    FuzzedDataProvider data(bytes, size);
    check_numbers(data);
    const std::size_t element =
        data.ConsumeBool() ? data.ConsumeIntegralInRange<std::size_t>(0, 33) : data.ConsumeIntegral<std::size_t>();
    const std::string text = data.ConsumeRemainingBytesAsString();
    check_format(text, element);
    check_typestr(text);
    check_device(text);
    if (const auto id = from_name(text)) FUZZ_CHECK(text == info(*id).name);
    return 0;
}
