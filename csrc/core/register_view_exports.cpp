/// The exports of a View: `__array__`, the array interfaces and `__dlpack__`.
#include <pybind11/stl.h>
#include <pybind11/typing.h>

#include "copy_to_cuda.hpp"
#include "copying.hpp"
#include "cuda_module.hpp"
#include "register.hpp"
#include "view.hpp"

#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>
#include <numpy_bridge/protocols/cuda_array_interface.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

namespace numpy_bridge {

namespace {

using version_pair = std::optional<std::pair<unsigned, unsigned>>;
using device_pair = std::optional<std::pair<int, int>>;

/// The stream that the consumer will use. Nothing for the CPU, and for -1: the consumer then orders the work itself.
/// None means CUDA's legacy default stream. It is a stream of the requested device; some consumers that request the CPU
/// name a stream of the memory's device, which is treated as None. The numbers are those of `__dlpack__` in the array
/// API standard, which differ for ROCm.
std::optional<std::uintptr_t> consumers_stream(device from, device wanted, const py::object& stream) {
    const device counted = wanted.type == device_type::cpu ? from : wanted;
    if (counted.type == device_type::cpu) {
        if (stream.is_none()) return std::nullopt;
        engine::refuse("DLPack", "stream", "None for memory on the CPU", engine::shown(stream));
    }
    if (stream.is_none()) return engine::legacy_default_stream;
    const long long number = engine::read_integer("DLPack", "stream", stream);
    if (number == -1) return std::nullopt;
    const bool rocm = counted.type == device_type::rocm;
    if (rocm ? number == 0 || number > 2 : number > 0) return static_cast<std::uintptr_t>(number);
    if (rocm)
        engine::refuse("DLPack", "stream", "None, -1, 0 or a stream's handle", std::to_string(number),
                       number > 0 ? "0 is the default stream of ROCm; 1 and 2 are CUDA's" : "");
    engine::refuse("DLPack", "stream", "None, -1, 1, 2 or a stream's handle", std::to_string(number),
                   number == 0 ? "0 could mean either default stream: 1 legacy, 2 per thread" : "");
}

/// Makes the consumer's stream wait for the stream with pending work on the memory.
void order_consumer(const view& from, const py::object& stream, std::optional<std::uintptr_t> consumer) {
    if (!consumer) return;
    const std::uintptr_t own = from.stream();
    if (own == 0 || *consumer == own || order_streams_if_possible(from.description().device, own, *consumer)) return;
    engine::refuse("DLPack", "stream",
                   "stream " + std::to_string(own) + ", which has pending work on this memory, or -1",
                   engine::shown(stream), "wait for that stream yourself, and pass -1");
}

bool same_device(device a, device b) noexcept { return a.type == b.type && a.index == b.index; }

[[noreturn]] void refuse_device(device has, device wanted, const char* hint) {
    engine::refuse("DLPack", "dl_device", name_of(has),
                   "(" + std::to_string(static_cast<int>(wanted.type)) + ", " + std::to_string(wanted.index) + ")",
                   hint);
}

device wanted_device(const memory& m, const device_pair& wanted) {
    return wanted ? device{static_cast<device_type>(wanted->first), wanted->second} : m.device;
}

/// The memory described for the requested device: its own, or the CPU if the host can read it.
memory on_device(const memory& m, device wanted) {
    if (same_device(wanted, m.device)) return m;
    memory moved = m;
    moved.device = cpu_device;
    if (same_device(wanted, cpu_device) && host_accessible(m.device)) return moved;
    refuse_device(m.device, wanted, "pass copy=True to copy it to another device");
}

py::object capsule_of(const memory& m, anchor keep, const version_pair& max_version, std::uint64_t flags) {
    engine::validate_for_dlpack(m, "DLPack");
    if (max_version && max_version->first >= 1) return export_versioned_capsule(m, std::move(keep), flags);
    if (m.readonly)
        engine::refuse("DLPack", "max_version", "(1, 0) or more, which can mark memory as read-only",
                       max_version ? "an older version" : "None",
                       "unversioned capsules cannot mark memory as read-only");
    return export_unversioned_capsule(m, std::move(keep));
}

/// A copy in new memory, on a CUDA device if that is wanted, else on the CPU.
py::object capsule_of_copy(const py::object& self, const view& from, std::optional<std::uintptr_t> consumer,
                           const version_pair& max_version, device wanted) {
    imported in;
    if (wanted.type == device_type::cuda) {
        const bool stays = wanted.index == from.description().device.index; // else its stream is another device's
        copy_to_cuda(self, wanted, consumer.value_or(stays ? from.stream() : 0), in);
        return capsule_of(in.description, in.anchored_to(nullptr), max_version, dlpack::flag_is_copied);
    }
    if (!same_device(wanted, cpu_device) &&
        !(same_device(wanted, from.description().device) && host_accessible(wanted)))
        refuse_device(from.description().device, wanted, "copies are made on the CPU and on CUDA devices");
    const py::object array = copy_as_native_array(self.ptr());
    engine::import_array(array.ptr(), engine::to_locate, in);
    return capsule_of(in.description, in.anchored_to(array.ptr()), max_version, dlpack::flag_is_copied);
}

py::object export_dlpack(const py::object& self, const py::object& stream, const version_pair& max_version,
                         const device_pair& device, std::optional<bool> copy) {
    const auto& from = self.cast<const view&>();
    const auto wanted = wanted_device(from.description(), device);
    const auto consumer = consumers_stream(from.description().device, wanted, stream);
    if (copy.value_or(false)) return capsule_of_copy(self, from, consumer, max_version, wanted);
    const memory m = on_device(from.description(), wanted);
    if (m.device.type == device_type::cpu) from.require_ready_for_host();
    else order_consumer(from, stream, consumer);
    return capsule_of(m, anchor(self.ptr(), {}, {}), max_version, 0);
}

py::object export_array(const py::object& self, const py::object& type, const py::object& copy) {
    py::object shared = array_of_view(self);
    if (type.is_none() && (copy.is_none() || !copy.cast<bool>())) return shared;
    const py::module_ numpy = py::module_::import("numpy");
    if (copy.is_none()) return numpy.attr("asarray")(shared, type); // NumPy 1.26 has no copy=None
    return numpy.attr("array")(shared, type, py::arg("copy") = copy);
}

/// Raised if a protocol cannot describe the memory, so that `hasattr` is false.
[[noreturn]] void lacks(const char* name, const memory& m) {
    throw py::attribute_error(std::string("a View of ") + name_of(m) + " on " + name_of(m.device) + " has no " + name);
}

py::typing::Dict<py::str, py::object> array_interface(const py::object& whole) {
    const auto& self = whole.cast<const view&>();
    const memory& m = self.description();
    if (m.type.id == dtype::opaque) return array_of_view(whole).attr("__array_interface__"); // NumPy knows them
    if (!has_array_interface(m) || !self.ready_for_host()) lacks("__array_interface__", m);
    return export_array_interface(m);
}

py::object array_struct(const py::object& self) {
    const auto& from = self.cast<const view&>();
    const memory& m = from.description();
    if (!has_array_interface(m) || !from.ready_for_host()) lacks("__array_struct__", m);
    return export_array_struct(m, anchor(self.ptr(), {}, {}));
}

py::typing::Dict<py::str, py::object> cuda_array_interface(const view& self) {
    const memory& m = self.description();
    if (!has_cuda_array_interface(m)) lacks("__cuda_array_interface__", m);
    return export_cuda_array_interface(m, self.stream());
}

} // namespace

void register_view_exports(py::module_& module) {
    static_cast<py::class_<view>>(module.attr("View"))
        .def("__array__", export_array, py::arg("dtype") = py::none(), py::arg("copy") = py::none(),
             "The memory as an ndarray; NumPy calls this where PEP 3118 has no format for the dtype.")
        .def_property_readonly("__array_interface__", array_interface,
                               "NumPy's array interface, version 3; absent for device memory and dtypes that it lacks.")
        .def_property_readonly("__array_struct__", array_struct,
                               "The array interface as a C structure; absent where `__array_interface__` is, and for "
                               "records and the like.")
        .def_property_readonly("__cuda_array_interface__", cuda_array_interface,
                               "The CUDA array interface, version 3; absent for memory that is not on a CUDA device.")
        .def("__dlpack__", export_dlpack, py::kw_only(), py::arg("stream") = py::none(),
             py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(), py::arg("copy") = py::none(),
             "A DLPack capsule, as the array API standard describes it.")
        .def(
            "__dlpack_device__",
            [](const view& self) {
                const device where = self.description().device;
                return py::make_tuple(static_cast<int>(where.type), where.index);
            },
            "DLPack device type and index.");
}

} // namespace numpy_bridge
