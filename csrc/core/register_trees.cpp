/// What is done for every leaf of a tree: is_leaf, unfamiliar_kinds, is_all_or_nothing and convert_each.
#include <cstddef>
#include <unordered_map>

#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

#include "fast_function.hpp"
#include "register.hpp"

namespace numpy_bridge {

namespace {

constexpr signature<1> is_leaf_signature{"is_leaf", 1, {"x"}};
constexpr signature<1> unfamiliar_kinds_signature{"unfamiliar_kinds", 1, {"leaves"}};
constexpr signature<2> is_all_or_nothing_signature{"is_all_or_nothing", 2, {"leaves", "refusable"}};
constexpr signature<3> convert_each_signature{"convert_each", 3, {"leaves", "convert", "values"}};

bool is_plain_value(PyObject* x) { return PyLong_CheckExact(x) || PyFloat_CheckExact(x) || PyUnicode_CheckExact(x); }

bool is_familiar(PyObject* x) { return is_plain_value(x) || engine::find_library(x) != nullptr; }

py::object is_leaf(const arguments<1>& given) { return py::bool_(is_familiar(given[0])); }

py::object unfamiliar_kinds(const arguments<1>& given) {
    py::set kinds;
    for (const py::handle leaf : py::reinterpret_borrow<py::object>(given[0]).cast<py::list>())
        if (!is_familiar(leaf.ptr())) kinds.add(py::type::handle_of(leaf));
    return std::move(kinds);
}

/// False also where this cannot be told without calling torch.
bool is_pinned(const torch_library& torch, PyObject* x) {
    return !torch.is_tensor(x) || !torch.layout.is_resizable(x).value_or(true);
}

/// Whether `view` and `to_numpy` share `x` for certain, or are not called for it. Pins nothing.
bool is_shareable(PyObject* x) {
    if (is_plain_value(x)) return true;
    if (engine::find_library(x) == nullptr) return false; // others may compute their memory
    try {
        imported in;
        import_object(x, {engine::hold::call, engine::use::writing}, in);
        numpy_library::get().descr_for(in.description.type);
        return host_accessible(in.description.device);
    } catch (const sharing_error&) {
        return false;
    }
}

py::object is_all_or_nothing(const arguments<2>& given) {
    const torch_library* torch = torch_library::loaded();
    if (torch == nullptr) return py::bool_(true);
    const auto leaves = py::reinterpret_borrow<py::object>(given[0]).cast<py::list>();
    bool all_pinned = true;
    for (const py::handle leaf : leaves) all_pinned = all_pinned && is_pinned(*torch, leaf.ptr());
    if (all_pinned) return py::bool_(true);
    if (is_true(given[1], true)) return py::bool_(false);
    for (const py::handle leaf : leaves)
        if (!is_shareable(leaf.ptr())) return py::bool_(false);
    return py::bool_(true);
}

bool is_value(PyObject* x, PyObject* values) {
    if (is_plain_value(x)) return true;
    const int found = PySet_Contains(values, reinterpret_cast<PyObject*>(Py_TYPE(x)));
    if (found < 0) throw py::error_already_set();
    return found != 0;
}

py::object convert_each(const arguments<3>& given) {
    const auto leaves = py::reinterpret_borrow<py::object>(given[0]).cast<py::list>();
    std::unordered_map<PyObject*, std::size_t> places;
    places.reserve(leaves.size());
    py::list made;
    for (const py::handle item : leaves) {
        PyObject* leaf = item.ptr();
        const auto [place, is_new] = places.emplace(leaf, made.size());
        if (!is_new) made.append(made[place->second]);
        else if (is_value(leaf, given[2])) made.append(item);
        else made.append(engine::stolen(PyObject_Vectorcall(given[1], &leaf, 1, nullptr)));
    }
    return std::move(made);
}

constexpr const char* is_leaf_doc = R"(is_leaf(x: object) -> bool

Whether `x` is known to be no container without a look into optree's registry, which takes longer.

True for arrays of NumPy, tensors, Views, int, float and str.
)";

constexpr const char* unfamiliar_kinds_doc = R"(unfamiliar_kinds(leaves: list[object]) -> set[type]

The classes of the objects that `is_leaf` is false for.
)";

constexpr const char* is_all_or_nothing_doc = R"(is_all_or_nothing(leaves: list[object], refusable: bool) -> bool

Whether sharing these objects one after the other leaves no storage pinned if one of them is refused.

True if no tensor among them would be pinned, or if `view` and `to_numpy` refuse none of them. With
`refusable` the objects go to a library that may refuse any of them. int, float and str are passed over.
)";

constexpr const char* convert_each_doc =
    R"(convert_each(leaves: list[object], convert: object, values: frozenset[type]) -> list[object]

The results of ``convert(leaf)``, called once for each object, however often it is in the list.

int, float, str, and objects of the classes in `values`, stay as they are.
)";

} // namespace

void register_trees(py::module_& module) {
    static PyMethodDef methods[] = {
        fast_method("is_leaf", fast_function<is_leaf_signature, is_leaf>, is_leaf_doc),
        fast_method("unfamiliar_kinds", fast_function<unfamiliar_kinds_signature, unfamiliar_kinds>,
                    unfamiliar_kinds_doc),
        fast_method("is_all_or_nothing", fast_function<is_all_or_nothing_signature, is_all_or_nothing>,
                    is_all_or_nothing_doc),
        fast_method("convert_each", fast_function<convert_each_signature, convert_each>, convert_each_doc),
        {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
}

} // namespace numpy_bridge
