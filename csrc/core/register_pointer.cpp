/// from_pointer, for arguments that the Python layer has normalised.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <pybind11/stl.h>

#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/protocols/pointer.hpp>

#include "cuda_module.hpp"
#include "described_device.hpp"
#include "register.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

/// A name, or DLPack's pair of type and index.
using device_argument = std::variant<std::string, std::pair<std::int64_t, std::int64_t>>;

std::optional<device> parse_pair(std::int64_t type, std::int64_t index) {
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (type < 0 || type > most || index < 0 || index > most) return std::nullopt;
    const device where{static_cast<device_type>(type), static_cast<std::int32_t>(index)};
    return is_known(where.type) ? std::optional(where) : std::nullopt;
}

device parse_argument(const device_argument& given) {
    std::optional<device> parsed;
    std::string got;
    if (const auto* name = std::get_if<std::string>(&given)) {
        parsed = parse_device(*name);
        got = "'" + *name + "'";
    } else {
        const auto [type, index] = std::get<1>(given);
        parsed = parse_pair(type, index);
        got = "(" + std::to_string(type) + ", " + std::to_string(index) + ")";
    }
    if (parsed) return *parsed;
    std::string names;
    for (const auto& known : detail::device_names) names += (names.empty() ? "" : ", ") + std::string(known.name);
    engine::refuse("pointer", "device", "'cpu', a name and an index such as 'cuda:0', or the pair of __dlpack_device__",
                   got, "the names are " + names);
}

std::unique_ptr<view> from_pointer(std::uintptr_t address, const std::vector<std::int64_t>& shape,
                                   const std::string& type, const std::optional<std::vector<std::int64_t>>& strides,
                                   const device_argument& where, const py::object& owner, bool readonly,
                                   const py::object& stream) {
    const device parsed = parse_argument(where);
    imported in;
    describe_pointer(address, shape, type, strides, parsed, readonly, in);
    use_named_stream("pointer", stream.ptr(), in);
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
    const auto found = [&](std::int64_t at) { return kernels->inspect(m.data + at, m.device.index); };
    require_described_device(m, found(bounds->low), found(bounds->high - 1));
}

} // namespace

element_type parse_dtype(const std::string& text, const char* protocol) {
    if (const auto id = from_name(text)) return {*id, byte_order::native};
    if (const auto type = from_typestr(text)) return *type;
    engine::refuse(protocol, "dtype", "the name of a number dtype, such as 'float32', or a typestr, such as '>f4'",
                   "'" + text + "'", detail::hint_for_address(text));
}

void describe_pointer(std::uintptr_t address, const std::vector<std::int64_t>& shape, const std::string& type,
                      const std::optional<std::vector<std::int64_t>>& strides, device where, bool readonly,
                      imported& out) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the caller passes the address as an integer
    import_pointer(reinterpret_cast<std::byte*>(address), parse_dtype(type, "pointer"), where, readonly, shape, strides,
                   out);
}

void register_pointer(py::module_& module) {
    module.def("from_pointer", from_pointer, py::arg("address"), py::arg("shape"), py::arg("dtype"), py::arg("strides"),
               py::arg("device"), py::arg("owner"), py::arg("readonly"), py::arg("stream") = py::none(),
               "A View of memory at an address; see numpy_bridge.from_pointer, which normalises the arguments.");
    module.def("check_on_device", check_on_device, py::arg("view"),
               "Raise SharingError if CUDA can be used and knows the memory to be somewhere else.");
}

} // namespace numpy_bridge
