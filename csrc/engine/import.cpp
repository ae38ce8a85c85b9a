#include <numpy_bridge/import.hpp>

#include <atomic>
#include <cstdint>
#include <iterator>
#include <string>
#include <utility>

#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/libraries/array_method.hpp>
#include <numpy_bridge/libraries/immutable.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/libraries/multiprocessing.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/tensorflow.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>
#include <numpy_bridge/protocols/array_interface.hpp>
#include <numpy_bridge/protocols/buffer.hpp>
#include <numpy_bridge/protocols/cuda_array_interface.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>
#include <numpy_bridge/protocols/python_buffer.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE bool has_own_class(PyObject* x) {
    static interned_name storage{nullptr};
    PyObject* name = interned(storage, "__class__");
    static PyObject* const of_object = look_up(&PyBaseObject_Type, name);
    return reads_attributes_plainly(Py_TYPE(x)) && look_up(Py_TYPE(x), name) == of_object;
}

/// `x.__class__`, if it is not the type of `x`. Then `x` is a proxy, a mock or a lazy object, in place of another one.
NUMPY_BRIDGE_INLINE py::object claimed_class(PyObject* x) {
    if (has_own_class(x)) return {};
    try {
        py::object claimed = optional_attribute(x, "__class__");
        const bool differs = claimed && PyType_Check(claimed.ptr()) != 0 && claimed.ptr() != type_of(x);
        return differs ? claimed : py::object();
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the object
        return {};
    }
}

/// Refuses an object in place of an array or a tensor. The protocols that it passes on say neither what the memory
/// means, such as a negative bit or a mask, nor do they pin it. `method` gives the alias, where there is one.
template <class Test>
[[noreturn]] void refuse_proxy(PyObject* x, const char* library, const char* expected, const char* method,
                               Test is_real) {
    std::string hint = "share the object behind it";
    try {
        const py::object alias = py::handle(x).attr(method)();
        if (is_real(alias.ptr())) hint += std::string(": x.") + method + "()";
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the object
    }
    refuse(library, "type", expected, "a " + engine::type_name(x) + " in its place", hint);
}

NUMPY_BRIDGE_INLINE void check_class(PyObject* x) {
    const py::object claimed = claimed_class(x);
    if (!claimed) return;
    auto* type = reinterpret_cast<PyTypeObject*>(claimed.ptr());
    const numpy_library& numpy = numpy_library::get();
    if (numpy.is_array_type(type))
        refuse_proxy(x, "NumPy", "the array itself", "view", [&](PyObject* y) { return numpy.is_array(y); });
    const torch_library* torch = torch_library::loaded();
    if (torch != nullptr && torch->is_tensor_type(type))
        refuse_proxy(x, "torch", "the tensor itself", "detach", [&](PyObject* y) { return torch->is_tensor(y); });
}

/// `import_dlpack`, except for tensors whose `__dlpack__` aborts the process.
NUMPY_BRIDGE_INLINE bool import_dlpack_if_safe(PyObject* x, const request& wanted, imported& out) {
    refuse_tensorflow_handles(x);
    return import_dlpack(x, wanted, out);
}

/// The most reliable first: an exchange table is exact, a buffer has a read-only flag and locks its owner, a
/// capsule may do neither, the array interfaces hold nothing in place, and `__array__` often copies.
inline constexpr protocol protocol_table[] = {
    {"DLPack", "__dlpack_c_exchange_api__", import_exchange_api},
    {"buffer", "buffer", import_buffer},
    {"buffer", "__buffer__", import_python_buffer},
    {"DLPack", "__dlpack__", import_dlpack_if_safe},
    {"__array_struct__", "__array_struct__", import_array_struct},
    {"__array_interface__", "__array_interface__", import_array_interface},
    {"__cuda_array_interface__", "__cuda_array_interface__", import_cuda_array_interface},
    {"multiprocessing", "multiprocessing", import_synchronized},
    {"__array__", "__array__", import_array_method},
    {"buffer", "buffer (bytes only)", import_plain_bytes},
};

NUMPY_BRIDGE_INLINE protocol_list protocols() noexcept {
    return {std::begin(protocol_table), std::end(protocol_table)};
}

NUMPY_BRIDGE_INLINE bool try_protocol(const protocol& with, PyObject* x, const request& wanted, imported& out,
                                      std::vector<refusal>& refusals) {
    try {
        return with.import(x, wanted, out);
    } catch (const sharing_error& error) {
        refusals.emplace_back(error.why());
    } catch (py::error_already_set& error) {
        refusals.push_back({with.name, "import", "memory", text_of_error(error), {}});
    }
    out.reset();
    return false;
}

/// A hint for objects that no protocol can share, whether or not a copy is welcome. Empty for all others.
NUMPY_BRIDGE_INLINE std::string hint_for_object(PyObject* x) {
    const std::string package = package_of(x), type = engine::type_name(x);
    if (package == "jax" && type.size() > 6 && type.substr(type.size() - 6) == "Tracer")
        return "x is a traced value inside jax.jit and has no memory yet; convert it outside the traced function";
    const std::string dtype = package == "pandas" ? engine::type_name(py::getattr(x, "dtype", py::none())) : "";
    if (dtype.find("CategoricalDtype") == std::string::npos) return {};
    return std::string("share the codes of the categories: ") + (py::hasattr(x, "codes") ? "x.codes" : "x.cat.codes");
}

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_object(PyObject* x, std::vector<refusal>& refusals) {
    std::string hint = hint_for_object(x);
    if (refusals.size() == 1) {
        if (!hint.empty()) refusals.front().hint = std::move(hint);
        throw sharing_error(refusals.front());
    }
    std::string got;
    for (const refusal& why : refusals) {
        got += (got.empty() ? "" : "\n") + why.protocol + ": expected " + why.expected + ", got " + why.got;
        if (hint.empty()) hint = why.hint;
    }
    refuse(engine::type_name(x).c_str(), "protocols", "one protocol that can share it", got, hint);
}

[[noreturn]] NUMPY_BRIDGE_INLINE void refuse_type(PyObject* x) {
    const char* reason = "it supports none of: the buffer protocol, DLPack, the array interfaces, __array__";
    if (PyList_Check(x) != 0 || PyTuple_Check(x) != 0)
        reason = "it holds Python objects, not one block of numbers. Make an array of it first: numpy.asarray(x)";
    else if (PyLong_Check(x) != 0 || PyFloat_Check(x) != 0)
        reason = "it is a single Python number. Make an array of it first: numpy.asarray(x)";
    else if (package_of(x) == "scipy")
        reason = "it has several blocks of memory. Share them together: numpy_bridge.to(x, 'torch')";
    throw py::type_error(engine::type_name(x) + " has no memory to share: " + reason);
}

/// The exchange table that was last found to be of a mutable library.
NUMPY_BRIDGE_INLINE std::atomic<std::uintptr_t>& table_of_mutable() noexcept {
    static std::atomic<std::uintptr_t> table{0};
    return table;
}

NUMPY_BRIDGE_INLINE bool is_of_mutable(std::uintptr_t table) noexcept {
    return table == table_of_mutable().load(std::memory_order_relaxed);
}

/// Whether the library of `x` forbids writes, which takes long to find out. An exchange table belongs to one library,
/// so a mutable one is remembered by its table.
NUMPY_BRIDGE_INLINE bool forbids_writes(PyObject* x, const witness& seen) {
    const std::uintptr_t table = seen.still_there != nullptr ? seen.marks[0] : 0; // of `import_exchange_api`
    if (table == 0) return is_immutable(x);
    if (is_of_mutable(table)) return false;
    const bool immutable = is_immutable(x);
    if (!immutable) table_of_mutable().store(table, std::memory_order_relaxed);
    return immutable;
}

/// Completes what a protocol has described. Objects of immutable libraries come in read-only; that check is skipped for
/// bare tensors that are only read.
NUMPY_BRIDGE_INLINE void accept(PyObject* x, const request& wanted, imported& out) {
    check_class(x);
    out.own_extents();
    const bool only_read = out.seen.still_there != nullptr && wanted.used == use::reading;
    if (!out.description.readonly && !only_read) out.description.readonly = forbids_writes(x, out.seen);
}

/// Asks those protocols again that refused the elements, for elements that only NumPy has. Another protocol might have
/// had numbers, so these come second.
NUMPY_BRIDGE_INLINE bool import_opaque(PyObject* x, const request& wanted, imported& out, attempts& made) {
    for (std::size_t i = 0; i < made.refused.size(); ++i) {
        if (made.refusals[i].protocol == "DLPack") continue; // which has none
        const std::string& field = made.refusals[i].field;
        if (field != "format" && field != "typestr" && field != "descr" && field != "dtype") continue;
        std::vector<refusal> again;
        if (!try_protocol(*made.refused[i], x, wanted, out, again)) continue;
        made.succeeded = made.refused[i];
        made.refused.resize(i);
        made.refusals.erase(made.refusals.begin() + static_cast<std::ptrdiff_t>(i), made.refusals.end());
        return true;
    }
    return false;
}

/// Tries the protocols in their order.
NUMPY_BRIDGE_INLINE void import_by_protocol(PyObject* x, const request& wanted, imported& out, attempts& made) {
    check_scalar(x, wanted);
    request numbers = wanted;
    numbers.opaque = false;
    for (const protocol& with : protocol_table) {
        const bool described = try_protocol(with, x, numbers, out, made.refusals);
        if (made.refusals.size() > made.refused.size()) made.refused.push_back(&with);
        if (!described) continue;
        made.succeeded = &with;
        return accept(x, wanted, out);
    }
    if (wanted.opaque && import_opaque(x, wanted, out, made)) return accept(x, wanted, out);
    if (made.refusals.empty()) refuse_type(x);
    refuse_object(x, made.refusals);
}

} // namespace engine

NUMPY_BRIDGE_INLINE void import_object(PyObject* x, const engine::request& wanted, imported& out) {
    const engine::library* known = engine::find_library(x);
    if (known == nullptr) {
        engine::attempts made;
        return engine::import_by_protocol(x, wanted, out, made);
    }
    known->import(x, wanted, out);
    if (wanted.held != engine::hold::nothing || out.pin || out.lease) return;
    out.seen.object = x;
    out.seen.still_there = known->still_there;
}

NUMPY_BRIDGE_NAMESPACE_END
