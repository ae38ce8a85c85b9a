#include <complex>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "support.hpp"
#include <numpy_bridge/dtype.hpp>

using namespace numpy_bridge;
using dlpack::type_code;

namespace {

bool machine_is_little_endian() {
    const std::uint16_t one = 1;
    std::uint8_t first_byte = 0;
    std::memcpy(&first_byte, &one, 1);
    return first_byte == 1;
}
const std::string native = machine_is_little_endian() ? "<" : ">", foreign = machine_is_little_endian() ? ">" : "<";

/// What NumPy, PEP 3118 and DLPack say of a type.
struct spelling {
    dtype id;
    std::string name;
    type_code code;
    int bits, lanes;
    std::string format, typestr; ///< empty where the protocol has no word for it
    std::size_t alignment;

    std::size_t size() const { return static_cast<std::size_t>(bits * lanes) / 8; }
    bool has_order() const { return size() > 1; }
};

const spelling all_dtypes[] = {
    {dtype::boolean, "bool", type_code::boolean, 8, 1, "?", "b1", 1},
    {dtype::int8, "int8", type_code::signed_integer, 8, 1, "b", "i1", 1},
    {dtype::int16, "int16", type_code::signed_integer, 16, 1, "h", "i2", 2},
    {dtype::int32, "int32", type_code::signed_integer, 32, 1, "i", "i4", 4},
    {dtype::int64, "int64", type_code::signed_integer, 64, 1, "q", "i8", 8},
    {dtype::uint8, "uint8", type_code::unsigned_integer, 8, 1, "B", "u1", 1},
    {dtype::uint16, "uint16", type_code::unsigned_integer, 16, 1, "H", "u2", 2},
    {dtype::uint32, "uint32", type_code::unsigned_integer, 32, 1, "I", "u4", 4},
    {dtype::uint64, "uint64", type_code::unsigned_integer, 64, 1, "Q", "u8", 8},
    {dtype::float16, "float16", type_code::floating, 16, 1, "e", "f2", 2},
    {dtype::float32, "float32", type_code::floating, 32, 1, "f", "f4", 4},
    {dtype::float64, "float64", type_code::floating, 64, 1, "d", "f8", 8},
    {dtype::complex32, "complex32", type_code::complex, 32, 1, "", "", 2},
    {dtype::complex64, "complex64", type_code::complex, 64, 1, "Zf", "c8", 4},
    {dtype::complex128, "complex128", type_code::complex, 128, 1, "Zd", "c16", 8},
    {dtype::bfloat16, "bfloat16", type_code::bfloat, 16, 1, "", "", 2},
    {dtype::float8_e3m4, "float8_e3m4", type_code::float8_e3m4, 8, 1, "", "", 1},
    {dtype::float8_e4m3, "float8_e4m3", type_code::float8_e4m3, 8, 1, "", "", 1},
    {dtype::float8_e4m3b11fnuz, "float8_e4m3b11fnuz", type_code::float8_e4m3b11fnuz, 8, 1, "", "", 1},
    {dtype::float8_e4m3fn, "float8_e4m3fn", type_code::float8_e4m3fn, 8, 1, "", "", 1},
    {dtype::float8_e4m3fnuz, "float8_e4m3fnuz", type_code::float8_e4m3fnuz, 8, 1, "", "", 1},
    {dtype::float8_e5m2, "float8_e5m2", type_code::float8_e5m2, 8, 1, "", "", 1},
    {dtype::float8_e5m2fnuz, "float8_e5m2fnuz", type_code::float8_e5m2fnuz, 8, 1, "", "", 1},
    {dtype::float8_e8m0fnu, "float8_e8m0fnu", type_code::float8_e8m0fnu, 8, 1, "", "", 1},
    {dtype::float4_e2m1fn_x2, "float4_e2m1fn_x2", type_code::float4_e2m1fn, 4, 2, "", "", 1},
};

TEST(every_dtype, row_of_the_table_is_at_its_own_place) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        EXPECT_EQ(info(spec.id).id, spec.id);
    }
}

TEST(every_dtype, element_takes_the_bytes_of_all_its_lanes) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        EXPECT_EQ(itemsize(spec.id), spec.size());
        EXPECT_EQ(std::size_t{1} << itemsize_exponent(spec.id), spec.size());
        EXPECT_EQ(info(spec.id).alignment, spec.alignment);
    }
}

TEST(every_dtype, name_is_read_back) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        EXPECT_EQ(info(spec.id).name, spec.name);
        EXPECT_EQ(name_of(element_type{spec.id, byte_order::native}), spec.name);
        EXPECT_EQ(from_name(spec.name), spec.id);
    }
}

TEST(every_dtype, dlpack_type_is_read_back) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        const dlpack::data_type type{spec.code, static_cast<std::uint8_t>(spec.bits),
                                     static_cast<std::uint16_t>(spec.lanes)};
        EXPECT_TRUE(same(info(spec.id).dlpack, type));
        EXPECT_EQ(from_dlpack(type), spec.id);
    }
}

TEST(every_dtype, format_is_read_back_in_both_orders) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        const char* format = format_of({spec.id, byte_order::native});
        const char* swapped = format_of({spec.id, byte_order::swapped});
        EXPECT_EQ(format == nullptr ? "" : format, spec.format);
        EXPECT_EQ(swapped == nullptr ? "" : swapped,
                  spec.has_order() && !spec.format.empty() ? foreign + spec.format : std::string());
        for (const char* text : {format, swapped}) {
            if (text == nullptr) continue;
            const auto read = from_format(text, spec.size());
            ASSERT_TRUE(read) << text;
            EXPECT_EQ(read->id, spec.id);
            EXPECT_EQ(read->order, text == swapped ? byte_order::swapped : byte_order::native);
        }
    }
}

TEST(every_dtype, typestr_is_read_in_both_orders) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        if (spec.typestr.empty()) {
            EXPECT_EQ(info(spec.id).kind, 0);
            continue;
        }
        for (const std::string& prefix : {native, foreign, std::string("|"), std::string("=")}) {
            const auto read = from_typestr(prefix + spec.typestr);
            ASSERT_TRUE(read) << prefix + spec.typestr;
            EXPECT_EQ(read->id, spec.id);
            EXPECT_EQ(read->order, prefix == foreign && spec.has_order() ? byte_order::swapped : byte_order::native);
        }
        EXPECT_EQ(from_typestr(spec.typestr).value().id, spec.id);
        EXPECT_EQ(from_kind(spec.typestr[0], spec.size()), spec.id);
    }
}

TEST(every_dtype, typestr_is_written_in_both_orders) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        for (const byte_order order : {byte_order::native, byte_order::swapped}) {
            const auto written = typestr_of(element_type{spec.id, order});
            ASSERT_EQ(written.has_value(), !spec.typestr.empty());
            if (!written) continue;
            const std::string& prefix = order == byte_order::native ? native : foreign;
            EXPECT_EQ(*written, (spec.has_order() ? prefix : "|") + spec.typestr);
        }
    }
}

TEST(every_dtype, foreign_order_is_named_by_its_typestr) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        if (spec.typestr.empty() || !spec.has_order()) continue;
        EXPECT_EQ(name_of(element_type{spec.id, byte_order::swapped}), foreign + spec.typestr);
    }
}

TEST(every_dtype, numpy_number_is_read_back) {
    for (const spelling& spec : all_dtypes) {
        SCOPED_TRACE(spec.name);
        const int number = info(spec.id).numpy_number;
        EXPECT_EQ(number >= 0, !spec.typestr.empty()); // which number is for numpy_abi_test.cpp
        EXPECT_EQ(from_numpy_number(number), number >= 0 ? std::optional(spec.id) : std::nullopt);
    }
}

TEST(dtype_table, has_no_row_that_these_tests_miss) {
    EXPECT_EQ(dtype_table.size(), std::size(all_dtypes) + 1); // and the last one
}

TEST(dtype_table, opaque_elements_have_no_name_in_any_protocol) {
    const dtype_info& row = info(dtype::opaque);
    EXPECT_EQ(row.itemsize, 0);
    EXPECT_EQ(from_name(row.name), std::nullopt);
    EXPECT_EQ(from_dlpack(row.dlpack), std::nullopt);
    EXPECT_EQ(from_dlpack({type_code::opaque_handle, 64, 1}), std::nullopt);
    EXPECT_EQ(format_of({dtype::opaque, byte_order::native}), nullptr);
    EXPECT_EQ(typestr_of({dtype::opaque, byte_order::native}), std::nullopt);
}

TEST(dlpack_type, is_nothing_where_the_table_has_no_row) {
    const auto found = [](int code, int bits, int lanes) {
        return from_dlpack(
            {static_cast<type_code>(code), static_cast<std::uint8_t>(bits), static_cast<std::uint16_t>(lanes)});
    };
    EXPECT_EQ(found(2, 32, 1), dtype::float32);
    EXPECT_EQ(found(2, 32, 2), std::nullopt);    // a vector of floats
    EXPECT_EQ(found(2, 32, 0), std::nullopt);    //
    EXPECT_EQ(found(2, 32, 257), std::nullopt);  // 1 in its low byte
    EXPECT_EQ(found(2, 128, 1), std::nullopt);   // quad
    EXPECT_EQ(found(2, 255, 1), std::nullopt);   //
    EXPECT_EQ(found(0, 4, 1), std::nullopt);     // int4
    EXPECT_EQ(found(0, 12, 1), std::nullopt);    // between int8 and int16
    EXPECT_EQ(found(0, 0, 1), std::nullopt);     //
    EXPECT_EQ(found(6, 1, 1), std::nullopt);     // a bit
    EXPECT_EQ(found(3, 64, 1), std::nullopt);    // an opaque handle
    EXPECT_EQ(found(15, 6, 1), std::nullopt);    // float6
    EXPECT_EQ(found(17, 4, 1), std::nullopt);    // float4 without its neighbour
    EXPECT_EQ(found(17, 8, 1), std::nullopt);    //
    EXPECT_EQ(found(18, 8, 1), std::nullopt);    // after the last code
    EXPECT_EQ(found(255, 255, 1), std::nullopt); //
}

TEST(dlpack_type, is_looked_up_within_the_table) { // in a constant expression anything else does not compile
    static_assert(!from_dlpack({static_cast<type_code>(18), 8, 1}) &&
                  !from_dlpack({static_cast<type_code>(255), 255, 1}));
    static_assert(!from_dlpack({type_code::float4_e2m1fn, 255, 1}) && !from_dlpack({type_code::float4_e2m1fn, 136, 1}));
}

TEST(dlpack_type, without_a_row_still_has_a_text) {
    EXPECT_EQ(name_of(dlpack::data_type{type_code::floating, 32, 4}), "code 2, 32 bits, 4 lanes");
    EXPECT_EQ(name_of(dlpack::data_type{static_cast<type_code>(200), 255, 65535}), "code 200, 255 bits, 65535 lanes");
}

TEST(name, is_nothing_where_the_table_has_no_row) {
    for (const std::string_view text : {"", "float", "float128", "Float32", "float32 ", "int4", "object", "<f4"})
        EXPECT_EQ(from_name(text), std::nullopt) << text;
}

TEST(numpy_number, is_nothing_where_the_table_has_no_row) {
    for (const int number : {-1, 13, 16, 17, 18, 19, 20, 21, 22, 24, 25, 256, 2056, -128, 1 << 30})
        EXPECT_EQ(from_numpy_number(number), std::nullopt) << number;
}

TEST(cpp_type, has_the_row_of_its_size_and_sign) {
    static_assert(dtype_of<bool>() == dtype::boolean);
    static_assert(dtype_of<std::int8_t>() == dtype::int8 && dtype_of<std::uint8_t>() == dtype::uint8);
    static_assert(dtype_of<short>() == dtype::int16 && dtype_of<unsigned short>() == dtype::uint16);
    static_assert(dtype_of<std::int32_t>() == dtype::int32 && dtype_of<std::uint32_t>() == dtype::uint32);
    static_assert(dtype_of<long long>() == dtype::int64 && dtype_of<unsigned long long>() == dtype::uint64);
    static_assert(dtype_of<long>() == (sizeof(long) == 8 ? dtype::int64 : dtype::int32));
    static_assert(dtype_of<unsigned long>() == (sizeof(long) == 8 ? dtype::uint64 : dtype::uint32));
    static_assert(dtype_of<float>() == dtype::float32 && dtype_of<double>() == dtype::float64);
    static_assert(dtype_of<std::complex<float>>() == dtype::complex64);
    static_assert(dtype_of<std::complex<double>>() == dtype::complex128);
}

TEST(cpp_type, is_the_same_when_it_is_const_or_volatile) {
    static_assert(dtype_of<const float>() == dtype::float32 && dtype_of<volatile int>() == dtype::int32);
    static_assert(dtype_of<const volatile std::complex<double>>() == dtype::complex128);
}

TEST(cpp_type, is_nothing_where_no_protocol_has_a_word_for_it) {
    struct point {
        float x, y;
    };
    static_assert(!dtype_of<long double>() && !dtype_of<void*>() && !dtype_of<point>() && !dtype_of<void>());
    static_assert(!dtype_of<std::complex<long double>>() && !dtype_of<type_code>());
}

} // namespace
