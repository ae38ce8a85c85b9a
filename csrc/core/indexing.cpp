#include "indexing.hpp"

#include <string>

namespace numpy_bridge {

namespace {

/// a * b, wrapped. An axis of one element or none may have any stride, so there it may be too large.
std::int64_t wrapped_product(std::int64_t a, std::int64_t b) noexcept {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
}

/// Takes the indices one by one, each of which uses up axes of `from` and adds axes to `out`.
class selection {
public:
    selection(const memory& from, imported& out) : from_(from), out_(out) {
        out.description = from;
        out.description.ndim = 0;
        out.description.shape = out.shape.data();
        out.description.strides = out.strides.data();
    }

    void integer(PyObject* index) {
        const std::int64_t extent = from_.shape[axis_];
        const Py_ssize_t given = PyNumber_AsSsize_t(index, PyExc_IndexError);
        if (given == -1 && PyErr_Occurred() != nullptr) throw py::error_already_set();
        const std::int64_t at = given < 0 ? given + extent : given;
        if (at < 0 || at >= extent)
            throw py::index_error("index " + std::to_string(given) + " is out of bounds for axis " +
                                  std::to_string(axis_) + " with size " + std::to_string(extent));
        out_.description.data += at * from_.strides[axis_];
        ++axis_;
    }

    void slice(PyObject* index) {
        Py_ssize_t start = 0, stop = 0, step = 0;
        if (PySlice_Unpack(index, &start, &stop, &step) < 0) throw py::error_already_set();
        const std::int64_t extent = PySlice_AdjustIndices(from_.shape[axis_], &start, &stop, step);
        const std::int64_t stride = from_.strides[axis_];
        if (extent > 0) out_.description.data += start * stride;
        add(extent, wrapped_product(stride, step));
        ++axis_;
    }

    void new_axis() { add(1, 0); }

    void keep(int axes) {
        for (; axes > 0; --axes, ++axis_) add(from_.shape[axis_], from_.strides[axis_]);
    }

    void keep_rest() { keep(from_.ndim - axis_); }

private:
    void add(std::int64_t extent, std::int64_t stride) {
        auto& ndim = out_.description.ndim;
        if (ndim == max_ndim) throw py::index_error("a View has at most " + std::to_string(max_ndim) + " axes");
        out_.shape[static_cast<std::size_t>(ndim)] = extent;
        out_.strides[static_cast<std::size_t>(ndim)] = stride;
        ++ndim;
    }

    const memory& from_;
    imported& out_;
    int axis_ = 0; ///< the next one to use up
};

/// What an index does. Other kinds would select elements one by one, which needs a copy.
enum class kind : std::uint8_t { integer, slice, ellipsis, new_axis };

kind kind_of(PyObject* index) {
    if (index == Py_Ellipsis) return kind::ellipsis;
    if (index == Py_None) return kind::new_axis;
    if (PySlice_Check(index) != 0) return kind::slice;
    if (PyIndex_Check(index) != 0 && PyBool_Check(index) == 0) return kind::integer;
    throw py::type_error("a View is indexed by integers, slices, ... and None, not by " + engine::type_name(index) +
                         ". NumPy takes other indices: numpy_bridge.to_numpy(v)[...]");
}

/// How many axes the indices use up. Raises for more than there are.
int axes_used(const py::tuple& indices, int ndim) {
    int used = 0, ellipses = 0;
    for (const py::handle index : indices) {
        const kind found = kind_of(index.ptr());
        used += found == kind::integer || found == kind::slice ? 1 : 0;
        ellipses += found == kind::ellipsis ? 1 : 0;
    }
    if (ellipses > 1) throw py::index_error("an index can only have a single ellipsis ('...')");
    if (used > ndim)
        throw py::index_error("too many indices: the View has " + std::to_string(ndim) + " axes, but " +
                              std::to_string(used) + " were indexed");
    return used;
}

} // namespace

void select(const memory& from, PyObject* key, imported& out) {
    const auto indices =
        PyTuple_Check(key) != 0 ? py::reinterpret_borrow<py::tuple>(key) : py::make_tuple(py::handle(key));
    const int used = axes_used(indices, from.ndim);
    selection chosen(from, out);
    for (const py::handle index : indices) switch (kind_of(index.ptr())) {
        case kind::integer:
            chosen.integer(index.ptr());
            break;
        case kind::slice:
            chosen.slice(index.ptr());
            break;
        case kind::ellipsis:
            chosen.keep(from.ndim - used);
            break;
        case kind::new_axis:
            chosen.new_axis();
            break;
        }
    chosen.keep_rest();
}

} // namespace numpy_bridge
