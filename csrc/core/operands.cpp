#include "operands.hpp"

#include <algorithm>

#include <numpy_bridge/arguments/borrow.hpp>

#include "view.hpp"

namespace numpy_bridge {

namespace {

/// Tensors are asked for what their memory does not say, and everything else is held for the call.
void import_operand(PyObject* x, bool writes, imported& out) {
    if (Py_TYPE(x) == view_type) return import_any(x, purpose::share, out);
    if (detail::import_array(x, purpose::locate, out)) return;
    detail::requirements wanted;
    wanted.writable = writes;
    const torch_library* torch = detail::library_of_tensor(x);
    if (torch == nullptr)
        return import_object(detail::readable(x, wanted).ptr(), writes ? purpose::share : purpose::copy, out);
    try {
        detail::describe_tensor(*torch, x, detail::use_of(wanted), out);
    } catch (py::error_already_set& error) {
        detail::refuse_tensor(x, detail::text_of_error(error));
    }
}

/// Fills `out` with what can be read of `x` without running Python code; false for objects whose memory is held.
bool read_again(PyObject* x, imported& out) {
    if (import_ndarray(x, purpose::locate, out)) return true;
    const torch_library* torch = detail::library_of_tensor(x);
    if (torch == nullptr) return false;
    detail::describe_dlpack(detail::read_tensor(*torch, x), false, out);
    return true;
}

bool same_place(const memory& a, const memory& b) noexcept {
    return a.data == b.data && a.type.id == b.type.id && a.ndim == b.ndim &&
           std::equal(a.shape, a.shape + a.ndim, b.shape) && std::equal(a.strides, a.strides + a.ndim, b.strides);
}

} // namespace

operand::operand(const char* operation, PyObject* x, bool writes) : object_(x) {
    import_operand(x, writes, in_);
    in_.own_extents();
    if (writes && in_.description.readonly)
        detail::refuse(operation, "readonly", "memory that may be written",
                       "read-only memory of a " + detail::type_name(x),
                       "write to a copy: numpy_bridge.to_numpy(x, copy=True)");
}

void operand::require_unmoved(const char* operation) const {
    imported now;
    if (read_again(object_, now) && !same_place(now.description, in_.description))
        detail::refuse(operation, "memory", "memory that stays in place during the call",
                       "a " + detail::type_name(object_) + " that was resized meanwhile",
                       "hold the objects still, or share them first: numpy_bridge.view(x)");
}

void operand::pin() {
    imported again;
    const torch_library* torch = detail::library_of_tensor(object_);
    if (torch != nullptr) again.pin = detail::pinned_storage(*torch, object_);
    else if (!import_ndarray(object_, purpose::share, again)) return; // held already
    pinned_.emplace(again.anchored_to(object_));
}

} // namespace numpy_bridge
