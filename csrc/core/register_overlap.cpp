/// shares_memory and may_share_memory.
#include <numpy_bridge/overlap.hpp>

#include "fast_function.hpp"
#include "register.hpp"
#include "trees.hpp"
#include "view.hpp"

namespace numpy_bridge {

namespace {

constexpr signature<3> shares_memory_signature{"shares_memory", 2, {"a", "b", "tree"}};
constexpr signature<2> may_share_memory_signature{"may_share_memory", 2, {"a", "b"}};

/// Where both memories are. Importing the second may run Python, which must not invalidate the description
/// of the first.
struct located {
    located(PyObject* x, PyObject* y) {
        constexpr auto to_locate_any = engine::of_any_elements(engine::to_locate);
        import_object(x, to_locate_any, a);
        a.own_extents();
        import_object(y, to_locate_any, b);
    }
    imported a, b;
};

py::object shares_memory(const arguments<3>& given) {
    if (is_for_tree(given)) return call_for_tree<shares_memory_signature>(given);
    const located both(given[0], given[1]);
    switch (overlaps(both.a.description, both.b.description)) {
    case overlap::no:
        return py::bool_(false);
    case overlap::yes:
        return py::bool_(true);
    case overlap::too_hard:
        break;
    }
    throw too_hard_error("whether these two memories overlap was not decided within " +
                         std::to_string(default_overlap_work) +
                         " steps; may_share_memory(a, b) tells whether their address ranges intersect");
}

py::object may_share_memory(const arguments<2>& given) {
    const located both(given[0], given[1]);
    return py::bool_(bounds_overlap(both.a.description, both.b.description));
}

constexpr const char* shares_memory_doc =
    R"(shares_memory(a, b, *, tree=False)
--

shares_memory(a: object, b: object, *, tree: bool | str = False) -> bool

Whether two objects of any libraries have at least one byte in common.

Exact: arrays that interleave without touching the same byte do not share memory. Nothing is
copied, pinned or read; memory on the host and on a CUDA device is never the same.

Parameters
----------
a, b : object
    Arrays, tensors, buffers, views: anything that `view` accepts, and tensors that it refuses
    for their values (conjugated, requiring grad, ...), as only addresses matter here.
tree : bool or str, default False
    Whether any array in the nested containers `a` shares memory with any one in `b`; see
    `numpy_bridge.trees`.

Returns
-------
bool

Raises
------
TypeError
    If an object supports no protocol that describes memory.
SharingError
    If an object does, but its memory cannot be described.
TooHardError
    If the answer was not found within bounded work. The general problem is NP-hard; contiguous
    memory, equal nested strides (slices of one array) and one array inside another contiguous one
    are always decided at once.

See Also
--------
may_share_memory : compares address ranges only.
numpy.shares_memory : the same for NumPy arrays.

Examples
--------
>>> block = bytearray(64)
>>> array, view = np.frombuffer(block, "f4"), bridge.view(block)
>>> bridge.shares_memory(array[::2], array[1::2]), bridge.shares_memory(array, view)
(False, True)
)";

constexpr const char* may_share_memory_doc =
    R"(may_share_memory(a, b)
--

may_share_memory(a: object, b: object) -> bool

Whether the address ranges of two objects intersect.

False means that they share no memory. True means that they may: their elements can still
interleave, which `shares_memory` finds out.

Parameters
----------
a, b : object
    As for `shares_memory`.

Returns
-------
bool

Raises
------
TypeError, SharingError
    As for `shares_memory`.

Examples
--------
>>> array = np.zeros(8)
>>> bridge.may_share_memory(array[::2], array[1::2])  # their ranges intersect
True
>>> bridge.shares_memory(array[::2], array[1::2])
False
)";

} // namespace

void register_overlap(py::module_& module) {
    static PyMethodDef methods[] = {
        fast_method("shares_memory", fast_function<shares_memory_signature, shares_memory>, shares_memory_doc),
        fast_method("may_share_memory", fast_function<may_share_memory_signature, may_share_memory>,
                    may_share_memory_doc),
        {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
}

} // namespace numpy_bridge
