#include "operands.hpp"

#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/numpy.hpp>

namespace numpy_bridge {

operand::operand(const char* operation, PyObject* x, bool writes, engine::hold held) : object_(x) {
    if (numpy_library::get().is_scalar(x)) throw py::type_error("a NumPy scalar is a value");
    engine::finally_refused(x, "", [&] { // no hint to copy: writes to a copy would be lost
        import_object(x, {held, writes ? engine::use::writing : engine::use::reading, !writes}, in_);
    });
    in_.own_extents();
    if (writes && in_.description.readonly)
        engine::refuse(operation, "readonly", "writable memory", "read-only memory of a " + engine::type_name(x),
                       "write to a copy: numpy_bridge.to_numpy(x, copy=True)");
}

void operand::require_unmoved(const char* operation) const {
    if (in_.still_there()) return;
    engine::refuse(operation, "memory", "memory that stays in place during the call",
                   "a " + engine::type_name(object_) + " that was resized during the call",
                   "do not resize it meanwhile, or share it first: numpy_bridge.view(x)");
}

} // namespace numpy_bridge
