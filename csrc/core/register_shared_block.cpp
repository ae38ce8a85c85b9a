/// SharedBlock, and Mapping, the pages that it lies in. The rest of it is Python: numpy_bridge/processes.
#include <pybind11/stl.h>

#include "mapping.hpp"
#include "register.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

/// A View whose owner is a segment of shared memory. Only its type differs.
class shared_block final : public view {
public:
    using view::view;
};

std::unique_ptr<shared_block> make_shared_block(std::uintptr_t address, const std::vector<std::int64_t>& shape,
                                                const std::string& type, const py::object& segment, bool readonly) {
    imported in;
    describe_pointer(address, shape, type, std::nullopt, cpu_device, readonly, in);
    return std::make_unique<shared_block>(in, segment.ptr(), readonly);
}

std::string representation(const view& self) {
    const memory& m = self.description();
    return "<numpy_bridge.SharedBlock " + name_of(m.type) + " " + text_of(m.shape, m.ndim) +
           (m.readonly ? ", read-only>" : ">");
}

/// Calls a function of numpy_bridge.processes, which is imported then.
template <class... More> auto in_python(const char* file, const char* name) {
    return [=](const py::object& self, const More&... /*more*/) -> py::object {
        const std::string module = std::string("numpy_bridge.processes.") + file;
        return py::module_::import(module.c_str()).attr(name)(self);
    };
}

constexpr const char* block_doc = R"(Memory that other processes can attach: a `View` that pickles to a handle.

Made by `shared_empty`, and by unpickling in another process. Each process that has it, or an array or tensor over it,
keeps the memory alive. It has no name in the file system, so nothing is left behind when processes are killed.
)";

} // namespace

void register_shared_block(py::module_& module) {
    py::class_<mapping>(module, "Mapping", py::is_final(), "Pages of a file, mapped until the last user lets go.")
        .def(py::init<int, std::size_t, bool, bool, bool>(), py::arg("descriptor"), py::arg("size"),
             py::arg("writable"), py::arg("keep"), py::arg("populate"),
             "Map the first bytes of a file. With `keep` the descriptor is taken over, and closed at the end.")
        .def_property_readonly("address", &mapping::address, "Address of the first byte.")
        .def_property_readonly("size", &mapping::size, "Bytes that are mapped.")
        .def_property_readonly("descriptor", &mapping::descriptor, "The descriptor that is kept open, or -1.");
    py::class_<shared_block, view>(module, "SharedBlock", py::custom_type_setup(set_up_view_type), py::is_final(),
                                   block_doc)
        .def("__repr__", representation)
        .def("__reduce__", in_python("handle", "reduce"), "A handle; see numpy_bridge.shared_empty.")
        .def(
            "__copy__", [](const py::object& self) { return self; }, "The block itself: a copy of it would alias it.")
        .def("__deepcopy__", in_python<py::object>("blocks", "deep_copy"), py::arg("memo"),
             "A new block with the same values.");
    module.def("shared_block", make_shared_block, py::arg("address"), py::arg("shape"), py::arg("dtype"),
               py::arg("segment"), py::arg("readonly"), "A SharedBlock at an address in the mapping of a segment.");
}

} // namespace numpy_bridge
