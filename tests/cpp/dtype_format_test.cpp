/// Formats (PEP 3118, the `struct` module) and typestrs (array interface) as producers write them.

#include <cstddef>
#include <string_view>

#include <gtest/gtest.h>

#include "support.hpp"
#include <numpy_bridge/dtype.hpp>

using namespace numpy_bridge;

namespace {

struct written {
    std::string_view text;
    std::size_t itemsize;
    dtype id;
};

TEST(format, may_be_in_native_order_with_or_without_saying_so) {
    constexpr written formats[] = {
        {"f", 4, dtype::float32},       {"@f", 4, dtype::float32},    {"=f", 4, dtype::float32},
        {"^f", 4, dtype::float32},      {"@?", 1, dtype::boolean},    {"=q", 8, dtype::int64},
        {"@Zd", 16, dtype::complex128}, {"=Zf", 8, dtype::complex64},
    };
    for (const auto& [text, size, id] : formats) {
        const auto read = from_format(text, size);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->id, id) << text;
        EXPECT_EQ(read->order, byte_order::native) << text;
    }
}

TEST(format, says_its_order_with_a_prefix) {
    for (const std::string_view text : {"<d", ">d", "!d"}) {
        const bool little = text.front() == '<';
        const auto read = from_format(text, 8);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->id, dtype::float64);
        EXPECT_EQ(read->order, little == detail::big_endian ? byte_order::swapped : byte_order::native) << text;
    }
    EXPECT_NE(from_format("<Zf", 8).value().order, from_format(">Zf", 8).value().order);
}

TEST(format, of_single_bytes_has_no_order) {
    for (const std::string_view text : {"<b", ">b", "!B", "<?", ">?", "=B"})
        EXPECT_EQ(from_format(text, 1).value().order, byte_order::native) << text;
}

TEST(format, of_platform_dependent_codes_goes_by_the_itemsize) {
    constexpr written formats[] = {
        {"l", 4, dtype::int32},  {"l", 8, dtype::int64},  {"<l", 4, dtype::int32},  {"<l", 8, dtype::int64},
        {"L", 4, dtype::uint32}, {"L", 8, dtype::uint64}, {"=L", 8, dtype::uint64}, {"n", 8, dtype::int64},
        {"N", 8, dtype::uint64}, {"@n", 4, dtype::int32},
    };
    for (const auto& [text, size, id] : formats) {
        const auto read = from_format(text, size);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(read->id, id) << text << " of " << size << " bytes";
    }
}

TEST(format, that_contradicts_the_itemsize_is_nothing) {
    constexpr written formats[] = {
        {"f", 8, {}},  {"d", 4, {}},  {"i", 8, {}},  {"q", 4, {}},  {"h", 4, {}}, {"b", 2, {}},  {"?", 4, {}},
        {"e", 4, {}},  {"l", 2, {}},  {"l", 1, {}},  {"n", 2, {}},  {"f", 0, {}}, {"l", 16, {}}, {"Zf", 16, {}},
        {"Zd", 8, {}}, {"Zf", 4, {}}, {"Ze", 4, {}}, {"Zf", 9, {}}, {"B", 0, {}},
    };
    for (const auto& [text, size, id] : formats)
        EXPECT_FALSE(from_format(text, size)) << text << " of " << size << " bytes";
}

TEST(format, of_anything_but_one_number_is_nothing) {
    for (const std::string_view text :
         {"",    "<",   "@",  "Z",   "<Z", "Zi", "Z?", "ZZ",      "ff",          "2f",   "1f",  "f ",  " f",
          "<<f", "<>f", "|f", "|u1", "&f", "P",  "O",  "c",       "s",           "4s",   "p",   "x",   "g",
          "Zg",  "G",   "F",  "D",   "u",  "w",  "t",  "T{f:x:}", "T{f:x:f:y:}", "(2)f", "X{}", "f:x:"})
        for (const std::size_t size : {1u, 2u, 4u, 8u, 16u})
            EXPECT_FALSE(from_format(text, size)) << "'" << text << "' " << size;
}

TEST(typestr, of_anything_but_one_number_is_nothing) {
    for (const std::string_view text :
         {"",    "<",   "<f",  "f",    "4",       "<4",   "<f3",  "<f0",  "<f1",   "<f16",  "<c4",  "<c32", "<i16",
          "<b2", "<b4", "<u3", "<f4x", "<f 4",    "<f-4", "<f+4", "<f4.", "<f004", "<f100", "<<f4", "<V8",  "|V2",
          "|O8", "<U4", "|S4", "<M8",  "<M8[ns]", "<m8",  "<t1",  "<g8",  "f4<",   "<F4",   "&f4"})
        EXPECT_FALSE(from_typestr(text)) << "'" << text << "'";
}

TEST(typestr, of_network_order_is_big_endian) {
    EXPECT_EQ(from_typestr("!f4").value().order, from_typestr(">f4").value().order);
    EXPECT_NE(from_typestr(">f4").value().order, from_typestr("<f4").value().order);
}

TEST(formats_and_typestrs, are_usable_in_constant_expressions) {
    static_assert(from_format("d", 8)->id == dtype::float64 && !from_format("g", 16));
    static_assert(from_typestr("|u1")->id == dtype::uint8 && !from_typestr("|O8"));
}

} // namespace
