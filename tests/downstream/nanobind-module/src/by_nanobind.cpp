#include <numpy_bridge/nanobind.hpp>

#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

namespace bound_by = nanobind;
#define READ_ONLY_PROPERTY def_prop_ro

#include "functions.hpp"

namespace {

/// What differs from pybind11.
void bind_differences(bound_by::module_& m) {
    struct unit {};
    m.def("strict", [](borrowed<const float>) {}, bound_by::arg("x").noconvert());
    bound_by::class_<unit>(m, "Unit")
        .def(bound_by::init<>())
        .def("__add__", [](const unit&, borrowed<const float> x) { return x.size(); }, bound_by::is_operator());
}

} // namespace

NB_MODULE(MODULE, m) {
    bind_functions(m);
    bind_differences(m);
}
