/// capsule_address: reads a DLPack capsule without consuming it.
#include "register.hpp"

#include <optional>

#include <pybind11/stl.h>

#include <numpy_bridge/dlpack.hpp>

namespace numpy_bridge {

namespace py = pybind11;

namespace {

std::uintptr_t address_of(const dlpack::tensor& tensor) {
    return tensor.data == nullptr ? 0 : reinterpret_cast<std::uintptr_t>(tensor.data) + tensor.byte_offset;
}

std::optional<std::uintptr_t> capsule_address(const py::object& capsule) {
    PyObject* const object = capsule.ptr();
    if (PyCapsule_IsValid(object, dlpack::capsule_name) != 0) {
        const void* held = PyCapsule_GetPointer(object, dlpack::capsule_name);
        return address_of(static_cast<const dlpack::managed_tensor*>(held)->tensor);
    }
    if (PyCapsule_IsValid(object, dlpack::versioned_capsule_name) != 0) {
        const void* held = PyCapsule_GetPointer(object, dlpack::versioned_capsule_name);
        const auto& managed = *static_cast<const dlpack::managed_tensor_versioned*>(held);
        const bool known = managed.version.major == dlpack::major_version;
        return known ? address_of(managed.tensor) : 0;
    }
    return std::nullopt;
}

} // namespace

void register_capsule(py::module_& module) {
    module.def("capsule_address", capsule_address, py::arg("capsule"),
               "Address of the first element in a DLPack capsule that is not consumed; None for any other object. 0 if "
               "there is no memory, or if the layout of the capsule's DLPack version is unknown.");
}

} // namespace numpy_bridge
