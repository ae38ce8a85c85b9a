/// Where CUDA says that a pointer leads, and what is refused because it was described otherwise.

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include <cuda_runtime_api.h>

#include "backend.hpp"
#include "core/described_device.hpp"
#include "kernels_oracle.hpp"

using namespace numpy_bridge_test;
using numpy_bridge::device;
using numpy_bridge::device_type;
using numpy_bridge::dtype;
using numpy_bridge::pointer_report;
using numpy_bridge::cuda::backend;

namespace {

constexpr device first_device{device_type::cuda, 0}, second_device{device_type::cuda, 1};

TEST(CudaPointers, TellWhereTheyLead) {
    const auto inspected = [](cudaMemoryType type) {
        simulated_cuda::pointer = {type, 1};
        return backend().inspect(nullptr, 0);
    };
    EXPECT_EQ(inspected(cudaMemoryTypeDevice).where.type, device_type::cuda);
    EXPECT_EQ(inspected(cudaMemoryTypeDevice).where.index, 1);
    EXPECT_EQ(inspected(cudaMemoryTypeManaged).where.type, device_type::cuda_managed);
    EXPECT_EQ(inspected(cudaMemoryTypeHost).where.type, device_type::cuda_host);
    EXPECT_FALSE(inspected(cudaMemoryTypeUnregistered).known);
}

TEST(CudaPointers, AreRefusedWhereTheyLeadElsewhere) {
    const array a = c_order(4096, dtype::float32, {2});
    const auto why = [&](device described, cudaMemoryType type, int index,
                         std::optional<pointer_report> last = std::nullopt) -> std::string {
        simulated_cuda::pointer = {type, index};
        numpy_bridge::memory m = a.memory();
        m.device = described;
        try {
            const pointer_report found = backend().inspect(nullptr, 0);
            require_described_device(m, found, last.value_or(found));
        } catch (const numpy_bridge::sharing_error& error) {
            return error.what();
        }
        return "";
    };
    const device managed{device_type::cuda_managed, 0}, pinned{device_type::cuda_host, 0};
    EXPECT_EQ(why(first_device, cudaMemoryTypeDevice, 0), "");
    EXPECT_EQ(why(first_device, cudaMemoryTypeManaged, 1), "");
    EXPECT_EQ(why(managed, cudaMemoryTypeManaged, 1), "");
    EXPECT_EQ(why(pinned, cudaMemoryTypeHost, 1), "");
    EXPECT_EQ(why(first_device, cudaMemoryTypeDevice, 1), "from_pointer cannot describe this memory: expected cuda:1, "
                                                          "where CUDA says that it is, got cuda:0. [pointer.device]");
    EXPECT_EQ(why(managed, cudaMemoryTypeDevice, 0), "from_pointer cannot describe this memory: expected cuda:0, where "
                                                     "CUDA says that it is, got cuda_managed:0. [pointer.device]");
    EXPECT_EQ(why(first_device, cudaMemoryTypeHost, 0),
              "from_pointer cannot describe this memory: expected cuda_host:0, where CUDA says that it is, got cuda:0. "
              "[pointer.device]");
    EXPECT_EQ(why(first_device, cudaMemoryTypeUnregistered, 0),
              "from_pointer cannot describe this memory: expected memory that CUDA allocated or registered, got "
              "cuda:0. Describe other host memory with device='cpu'. [pointer.device]");
    const std::string beyond =
        "from_pointer cannot describe this memory: expected elements that all lie on cuda:0, got (2,), of which the "
        "last byte is elsewhere. The block of memory is smaller: count its elements, not its bytes. [pointer.shape]";
    EXPECT_EQ(why(first_device, cudaMemoryTypeDevice, 0, pointer_report{false, numpy_bridge::cpu_device}), beyond);
    EXPECT_EQ(why(first_device, cudaMemoryTypeDevice, 0, pointer_report{true, second_device}), beyond);
    EXPECT_EQ(why(first_device, cudaMemoryTypeDevice, 0, pointer_report{true, pinned}), beyond);
}

} // namespace
