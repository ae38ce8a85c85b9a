#include "view.hpp"

#include <string>

#include "cuda_module.hpp"
#include "stream_argument.hpp"

#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

namespace numpy_bridge {

view::view(imported& from, PyObject* source, bool readonly)
    : memory_(from.description),
      stream_(from.stream),
      owners_stream_(from.owners_stream),
      held_(from.anchored_to(source)) {
    const auto ndim = static_cast<std::size_t>(memory_.ndim);
    extents_.reserve(3 * ndim);
    extents_.insert(extents_.end(), memory_.shape, memory_.shape + ndim);
    extents_.insert(extents_.end(), memory_.strides, memory_.strides + ndim);
    extents_.resize(3 * ndim);
    engine::fill_element_strides(memory_, extents_.data() + 2 * ndim);
    memory_.shape = extents_.data();
    memory_.strides = extents_.data() + ndim;
    memory_.readonly = memory_.readonly || readonly;
}

void use_named_stream(const char* function, PyObject* stream, imported& in) {
    const std::uintptr_t named = stream_number(function, stream);
    if (named == 0) return;
    const device where = in.description.device;
    require_memory_with_streams(function, where);
    if (in.stream != 0 && in.stream != named && !order_streams_if_possible(where, in.stream, named))
        engine::refuse(function, "stream",
                       "stream " + std::to_string(in.stream) + ", which has pending work on this memory",
                       "stream " + std::to_string(named),
                       "this wheel has no CUDA kernels, and cannot let one stream wait for another");
    in.stream = named;
    in.owners_stream = nullptr;
    in.pin = py::make_tuple(py::handle(stream), in.pin ? in.pin : py::none());
}

std::uintptr_t view::stream() const {
    const py::handle owner = source();
    if (owners_stream_ == nullptr || !owner) return stream_;
    const std::uintptr_t now = owners_stream_(owner.ptr(), memory_.device);
    return now != 0 ? now : stream_;
}

std::uintptr_t stream_of_view(PyObject* view_object, device) {
    return py::handle(view_object).cast<const view&>().stream();
}

/// Memoryviews are not shown to the collector. It would clear one that is garbage although the view still has an export
/// of it, and CPython then crashes. So a cycle through a view of a memoryview is never freed.
int view::traverse(visitproc visit, void* arg) const {
    PyObject* exporter = nullptr;
    if (held_.lease().releases_with(engine::release_buffer))
        exporter = static_cast<const Py_buffer*>(held_.lease().context())->obj;
    if (exporter != nullptr && PyMemoryView_Check(exporter) != 0) return 0;
    Py_VISIT(exporter);
    return held_.traverse(visit, arg);
}

void view::require_ready_for_host() const {
    if (host_accessible(memory_.device) && !ready_for_host())
        engine::refuse("CUDA", "stream", "managed memory without pending work on a stream",
                       "work on stream " + std::to_string(stream_),
                       "wait for that stream in the library that owns the memory, then share its address: "
                       "v = numpy_bridge.view(x); numpy_bridge.from_pointer(v.ptr, v.shape, v.dtype, "
                       "device='cuda_managed:0', owner=v)");
}

bool is_view(PyObject* x) { return PyObject_TypeCheck(x, view_type) != 0; }

py::handle end_of_chain(py::handle view_object) {
    for (;;) {
        const py::handle source = view_object.cast<const view&>().source();
        if (!source || !is_view(source.ptr())) return view_object;
        view_object = source;
    }
}

namespace {

void import_view(PyObject* x, const engine::request& wanted, imported& out) {
    const auto& known = py::handle(x).cast<const view&>();
    const memory& m = known.description();
    if (m.type.id == dtype::opaque && !wanted.opaque)
        engine::refuse("View", "dtype", "a supported number dtype", name_of(m), engine::hint_for_opaque(m));
    out.description = m;
    out.stream = known.stream();
    if (known.owners_stream() != nullptr) out.owners_stream = stream_of_view;
}

PyObject* source_of(PyObject* x) { return py::handle(x).cast<const view&>().source().ptr(); }

py::object view_over(const memory& m, anchor keep) {
    imported in;
    in.description = m;
    in.pin = engine::capsule_over(std::move(keep));
    return py::cast(std::make_unique<view>(in, nullptr, false));
}

} // namespace

const engine::library view_row = {"numpy_bridge", is_view, import_view, nullptr, view_over, engine::spelled_for_others,
                                  source_of};

py::object make_view(PyObject* x, const engine::request& wanted, bool readonly, PyObject* stream) {
    imported in;
    import_object(x, wanted, in);
    use_named_stream("view", stream, in);
    return py::cast(std::make_unique<view>(in, x, readonly));
}

py::object array_of_view(const py::object& view_object) {
    const auto& from = view_object.cast<const view&>();
    from.require_ready_for_host();
    return numpy_library::get().new_array(from.description(), view_object);
}

} // namespace numpy_bridge
