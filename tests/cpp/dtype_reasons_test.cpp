#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <numpy_bridge/dtype.hpp>
#include <numpy_bridge/dtype_reasons.hpp>

using namespace numpy_bridge;

namespace {

bool says_something(std::string_view hint) { return hint.size() > 10; }

TEST(dtype_reasons, every_kind_without_a_row_has_one) {
    for (const char kind : std::string("VMmUSTtOfc")) EXPECT_TRUE(says_something(detail::hint_for_kind(kind))) << kind;
    for (const char kind : std::string("?xX1") + '\0') EXPECT_STREQ(detail::hint_for_kind(kind), "") << kind;
}

TEST(dtype_reasons, names_of_nothing_have_none) {
    for (const char* name : {"", "<", "int", "int31", "int8", "uint9", "float", "floating", "int0", "u", "x"})
        EXPECT_STREQ(detail::hint_for_name(name), "") << name;
}

TEST(dtype_reasons, names_without_a_row_have_one) {
    for (const char* name :
         {"int4", "uint7", "qint32", "quint4x2", "bits1x8", "float6_e2m3fn", "float4_e2m1fn", "bcomplex32", "float128",
          "complex256", "datetime64[ns]", "object", "<U4", "|S1", "|V8", ">m8[s]"})
        EXPECT_TRUE(says_something(detail::hint_for_name(name))) << name;
}

TEST(dtype_reasons, every_dlpack_type_without_a_row_has_one) {
    for (int code = 0; code < 256; ++code)
        for (const int bits : {0, 1, 4, 6, 8, 16, 32, 64, 128, 255})
            for (const int lanes : {0, 1, 2, 65535}) {
                const dlpack::data_type type{static_cast<dlpack::type_code>(code), static_cast<std::uint8_t>(bits),
                                             static_cast<std::uint16_t>(lanes)};
                EXPECT_TRUE(from_dlpack(type) || says_something(detail::hint_for_dlpack(type))) << name_of(type);
            }
}

} // namespace
