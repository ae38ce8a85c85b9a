/// from_pointer, for arguments that the Python layer has normalised.
#include <pybind11/stl.h>

#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/protocols/pointer.hpp>

#include "cuda_module.hpp"
#include "described_device.hpp"
#include "register.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

element_type parse_dtype(const std::string& text) {
    if (const auto id = from_name(text)) return {*id, byte_order::native};
    if (const auto type = from_typestr(text)) return *type;
    detail::refuse("pointer", "dtype", "the name of a number dtype, such as 'float32', or a typestr, such as '>f4'",
                   "'" + text + "'", detail::hint_for_name(text));
}

std::unique_ptr<view> from_pointer(std::uintptr_t address, const std::vector<std::int64_t>& shape,
                                   const std::string& type, const std::optional<std::vector<std::int64_t>>& strides,
                                   const std::string& where, const py::object& owner, bool readonly) {
    const auto parsed = parse_device(where);
    if (!parsed) detail::refuse("pointer", "device", "'cpu' or 'cuda:<index>'", "'" + where + "'");
    imported in;
    describe_pointer(address, shape, type, strides, *parsed, readonly, in);
    return std::make_unique<view>(in, owner.is_none() ? nullptr : owner.ptr(), readonly);
}

/// Asks CUDA, if it can be used, for the device of memory that is described as CUDA's.
void check_on_device(const view& described) {
    const memory& m = described.description();
    const bool known_to_cuda = is_cuda(m.device) || m.device.type == device_type::cuda_host;
    if (!known_to_cuda || is_empty(m)) return;
    const auto* kernels = cuda_kernels_if_any();
    const auto bounds = bounds_of(layout_of(m));
    if (kernels == nullptr || !bounds) return;
    require_described_device(m, kernels->inspect(m.data + bounds->low), kernels->inspect(m.data + bounds->high - 1));
}

} // namespace

void describe_pointer(std::uintptr_t address, const std::vector<std::int64_t>& shape, const std::string& type,
                      const std::optional<std::vector<std::int64_t>>& strides, device where, bool readonly,
                      imported& out) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the caller passes the address as an integer
    import_pointer(reinterpret_cast<std::byte*>(address), parse_dtype(type), where, readonly, shape, strides, out);
}

void register_pointer(py::module_& module) {
    module.def("from_pointer", from_pointer, py::arg("address"), py::arg("shape"), py::arg("dtype"), py::arg("strides"),
               py::arg("device"), py::arg("owner"), py::arg("readonly"),
               "A View of memory at an address; see numpy_bridge.from_pointer, which normalises the arguments.");
    module.def("check_on_device", check_on_device, py::arg("view"),
               "Raise SharingError if CUDA can be used and knows the memory to be somewhere else.");
}

} // namespace numpy_bridge
