/// A library that is known exactly: one row of functions, and this file. No header of numpy-bridge names it.
///
/// Its arrays offer no protocol at all, so every call below that takes one was led to it by the row.
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

/// float32 in one dimension, on the host. Like an ndarray it can grow, but not while it is pinned.
class array {
public:
    explicit array(std::size_t size) : values_(size) { point_at(values_.data()); }
    array(const memory& m, anchor keep) : shape_{m.shape[0]}, data_(m.data), kept_(std::move(keep)) {}

    void resize(std::size_t size) {
        if (pins_ > 0) throw py::buffer_error("cannot resize an array that is shared");
        values_ = std::vector<float>(size); // always another block, while the first is still there
        point_at(values_.data());
    }
    memory description() const {
        return host_memory(data_, {dtype::float32, byte_order::native}, readonly, 1, shape_, strides_);
    }
    owner pinned() {
        ++pins_;
        return {this, [](void* context) { --static_cast<array*>(context)->pins_; }};
    }

    bool readonly = false;

private:
    void point_at(float* data) {
        shape_[0] = static_cast<std::int64_t>(values_.size());
        data_ = data;
    }

    std::vector<float> values_;
    std::int64_t shape_[1] = {0}, strides_[1] = {sizeof(float)};
    void* data_ = nullptr;
    int pins_ = 0; // changed with the GIL held
    std::optional<anchor> kept_;
};

PyObject* array_type = nullptr;

bool is_mine(PyObject* x) { return reinterpret_cast<PyObject*>(Py_TYPE(x)) == array_type; }

array& array_of(PyObject* x) { return py::handle(x).cast<array&>(); }

void import_array(PyObject* x, const engine::request& wanted, imported& out) {
    out.description = array_of(x).description();
    if (wanted.held != engine::hold::nothing) out.lease = array_of(x).pinned();
}

bool still_there(const engine::witness& seen, const memory& was) {
    return array_of(seen.object).description().data == was.data;
}

py::object make(const memory& m, anchor keep) {
    if (m.type.id != dtype::float32 || m.ndim != 1)
        throw sharing_error({"CuPy", "dtype", "float32 in one dimension", name_of(m.type), ""});
    return py::cast(std::make_unique<array>(m, std::move(keep)));
}

constexpr engine::dialect spelled = {"cp.",
                                     "{x}.astype({dtype})",
                                     "{x}.reshape(...)",
                                     "cp.ascontiguousarray({x})",
                                     "cp.asfortranarray({x})",
                                     "{x}.copy()",
                                     "{x}.copy()",
                                     "cp.asnumpy({x})",
                                     "cp.asarray({x})"};

const engine::library row = {"cupy", is_mine, import_array, still_there, make, spelled};

} // namespace

void register_cupy_row(py::module_& m) {
    py::class_<array> type(m, "ndarray", py::module_local());
    type.def(py::init<std::size_t>())
        .def("resize", &array::resize)
        .def_readwrite("readonly", &array::readonly)
        .def_property_readonly("ptr",
                               [](const array& x) { return reinterpret_cast<std::uintptr_t>(x.description().data); });
    type.attr("__module__") = "cupy";
    array_type = type.ptr();
    engine::add_library(row);
    m.def("like_of_size", [](const py::object& like, std::int64_t size) {
        return to_library_of(like, own(std::vector<float>(static_cast<std::size_t>(size), 7.0F)));
    });
    m.def("double_like", [](const py::object& like) { return to_library_of(like, own(std::vector<double>(2))); });
}
