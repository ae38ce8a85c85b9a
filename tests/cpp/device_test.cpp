#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include <numpy_bridge/device.hpp>

using numpy_bridge::device;
using numpy_bridge::device_type;
using numpy_bridge::host_accessible;
using numpy_bridge::name_of;
using numpy_bridge::parse_device;

namespace {

struct row {
    device_type type;
    std::string_view name;
    bool host;
};

constexpr row all_device_types[] = {
    {device_type::cpu, "cpu", true},
    {device_type::cuda, "cuda", false},
    {device_type::cuda_host, "cuda_host", true},
    {device_type::cuda_managed, "cuda_managed", true},
    {device_type::rocm, "rocm", false},
    {device_type::rocm_host, "rocm_host", true},
    {device_type::metal, "metal", false},
    {device_type::opencl, "opencl", false},
    {device_type::vulkan, "vulkan", false},
    {device_type::oneapi, "oneapi", false},
    {device_type::vpi, "vpi", false},
    {device_type::extension, "extension", false},
    {device_type::webgpu, "webgpu", false},
    {device_type::hexagon, "hexagon", false},
    {device_type::maia, "maia", false},
    {device_type::trainium, "trainium", false},
};

TEST(every_device_type, is_readable_by_the_host_or_not) {
    for (const auto& [type, name, host] : all_device_types) EXPECT_EQ(host_accessible({type, 0}), host) << name;
}

TEST(every_device_type, has_its_index_in_its_name_but_for_the_cpu) {
    for (const auto& [type, name, host] : all_device_types)
        EXPECT_EQ(name_of(device{type, 3}), type == device_type::cpu ? "cpu" : std::string(name) + ":3");
}

TEST(every_device_type, is_read_back_from_its_name) {
    for (const auto& [type, name, host] : all_device_types)
        for (const std::int32_t index : {0, 3}) {
            const auto parsed = parse_device(std::string(name) + ":" + std::to_string(index));
            ASSERT_TRUE(parsed) << name;
            EXPECT_EQ(parsed->type, type) << name;
            EXPECT_EQ(parsed->index, index) << name;
        }
}

TEST(every_device_type, is_number_0_where_its_name_has_no_index) {
    for (const auto& [type, name, host] : all_device_types) {
        const auto parsed = parse_device(name);
        ASSERT_TRUE(parsed) << name;
        EXPECT_EQ(parsed->type, type) << name;
        EXPECT_EQ(parsed->index, 0) << name;
    }
}

TEST(parse_device, refuses_what_name_of_never_writes) {
    for (const std::string_view text :
         {"",        ":",      ":0",       "gpu",      "CUDA",     "cuda ",           " cuda",
          "cud",     "cuda0",  "cuda:",    "cuda:-1",  "cuda:+1",  "cuda: 1",         "cuda:1 ",
          "cuda:1x", "cuda:x", "cuda:1:2", "cuda:0x1", "cuda:1.0", "cuda:2147483648", "cuda:99999999999999999999"})
        EXPECT_FALSE(parse_device(text)) << "'" << text << "'";
}

TEST(parse_device, reads_the_largest_index) { EXPECT_EQ(parse_device("cuda:2147483647").value().index, 2147483647); }

TEST(name_of_device, shows_the_number_of_a_type_that_has_no_name) {
    EXPECT_EQ(name_of(device{static_cast<device_type>(99), 1}), "unknown device type 99");
    EXPECT_FALSE(host_accessible({static_cast<device_type>(99), 0}));
}

} // namespace
