#include "call_key.hpp"

#include <array>
#include <atomic>
#include <cstring>

#include <numpy_bridge/import.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch.hpp>
#include <numpy_bridge/opaque.hpp>
#include <numpy_bridge/overlap.hpp>

namespace numpy_bridge {

namespace {

std::uintptr_t word_of(const void* pointer) noexcept { return reinterpret_cast<std::uintptr_t>(pointer); }

/// `module.<name>` of a module that is imported, found once and kept; null until then, or if there is none.
struct kept_attribute {
    const char* module;
    const char* name;
    std::atomic<PyObject*> found{nullptr};
    engine::interned_name module_name{nullptr};

    PyObject* get() {
        PyObject* known = found.load(std::memory_order_acquire);
        if (known != nullptr) return known;
        const py::object holder = engine::imported_module(engine::interned(module_name, module));
        py::object value = holder ? engine::optional_attribute(holder.ptr(), name) : py::object();
        if (!value) return nullptr;
        if (found.compare_exchange_strong(known, value.ptr(), std::memory_order_acq_rel)) return value.release().ptr();
        return known;
    }
};

kept_attribute torch_is_tracing{"torch._C", "_is_tracing"};
kept_attribute torch_modes{"torch._C", "_len_torch_function_stack"};
kept_attribute torch_disabled{"torch._C", "DisableTorchFunction"};
kept_attribute torch_device{"torch", "device"};
std::array<kept_attribute, 3> torch_words{{{"torch", "dtype"}, {"torch", "memory_format"}, {"torch", "layout"}}};
kept_attribute tensorflow_is_eager{"tensorflow", "executing_eagerly"};

py::object called(PyObject* function) {
    return engine::stolen(engine::call_or_wait([=] { return PyObject_CallNoArgs(function); }));
}

bool is_number(PyTypeObject* type) noexcept {
    return type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type || type == &PyComplex_Type ||
           type == &PyUnicode_Type || type == Py_TYPE(Py_None);
}

bool is_list(PyTypeObject* type) noexcept { return type == &PyList_Type || type == &PyTuple_Type; }

py::object first_of(PyObject* list) {
    if (PyTuple_Check(list))
        return PyTuple_GET_SIZE(list) == 0 ? py::object()
                                           : py::reinterpret_borrow<py::object>(PyTuple_GET_ITEM(list, 0));
    PyObject* first = PySequence_GetItem(list, 0); // fails if another thread empties the list
    if (first == nullptr) PyErr_Clear();
    return py::reinterpret_steal<py::object>(first);
}

/// dtypes with these numbers differ in size, units or fields.
constexpr int first_flexible = 18, last_flexible = 22, void_number = 20, last_number = 23;

void add_dtype(call_key& key, PyObject* dtype) {
    const auto& descr = *reinterpret_cast<const numpy_abi::descr*>(dtype);
    key.add(static_cast<std::uintptr_t>(descr.number));
    if (descr.number > last_number || descr.number == void_number) return key.add_object(dtype);
    key.add(numpy_abi::is_native(descr) ? 1 : 0);
    if (descr.number >= first_flexible && descr.number <= last_flexible) key.add_text(py::handle(dtype).attr("str"));
}

void add_extents(call_key& key, const memory& m) {
    key.add(static_cast<std::uintptr_t>(m.ndim));
    for (int i = 0; i < m.ndim; ++i) {
        key.add(static_cast<std::uintptr_t>(m.shape[i]));
        key.add(static_cast<std::uintptr_t>(m.strides[i]));
    }
}

/// Describes memory; false for what cannot be described.
bool locate(PyObject* x, imported& out) {
    try {
        import_object(x, engine::of_any_elements(engine::to_locate), out);
        out.own_extents();
        return true;
    } catch (const sharing_error&) {
        return false;
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) throw;
        return false;
    } catch (const py::type_error&) {
        return false;
    }
}

constexpr int c_contiguous = 1; // in the flags of an array

bool add_array(described_object& out, PyObject* x) {
    if (!locate(x, out.memory)) return false;
    const auto& array = *reinterpret_cast<const numpy_abi::array*>(x);
    const int flags = array.flags;
    add_dtype(out.key, reinterpret_cast<PyObject*>(array.descr));
    out.key.add(static_cast<std::uintptr_t>(flags));
    out.key.add(is_empty(out.memory.description) ? 1 : 0);
    if ((flags & c_contiguous) == 0) add_extents(out.key, out.memory.description);
    return true;
}

bool add_tensor(described_object& out, const torch_library& torch, PyObject* x) {
    if (!locate(x, out.memory)) return false;
    const memory& m = out.memory.description;
    if (m.device.type != cpu_device.type) return false;
    if (!torch.is_ordinary(x)) {
        if (torch.is_neg.is_true(x) || torch.is_conj.is_true(x)) return false;
        if (m.data != nullptr) torch.note_ordinary(x);
    }
    out.key.add_object(torch.dtype(x));
    out.key.add(is_c_contiguous(layout_of(m)) ? 1 : 0);
    out.key.add(torch.tracks_grad(x) ? 1 : 0);
    out.key.add(is_empty(m) ? 1 : 0);
    return true;
}

constexpr int deepest_list = 8;

/// Describes a list as reports do, by its first element; false for unknown ones.
bool add_list(described_object& out, PyObject* x, int depth = 0) {
    const py::object first = first_of(x);
    PyTypeObject* type = first ? Py_TYPE(first.ptr()) : Py_TYPE(Py_None);
    for (const std::uintptr_t word : {word_of(Py_TYPE(x)), word_of(type), std::uintptr_t{first ? 1U : 0U}})
        out.key.add(word);
    if (is_list(type)) return depth < deepest_list && add_list(out, first.ptr(), depth + 1);
    const torch_library* torch = torch_library::loaded();
    out.holds_arrays = first && (numpy_library::get().is_exact_array(first.ptr()) ||
                                 (torch != nullptr && torch->is_exact_tensor(first.ptr())));
    return out.holds_arrays || is_number(type);
}

/// What a known described_object is; its key is added to.
described_object::kind describe(described_object& out, PyObject* x) {
    using kind = described_object::kind;
    PyTypeObject* type = Py_TYPE(x);
    const numpy_library& numpy = numpy_library::get();
    if (numpy.is_exact_array(x)) return add_array(out, x) ? kind::array : kind::unknown;
    if (is_number(type)) {
        out.key.add(word_of(type));
        return kind::number;
    }
    if (is_list(type)) return add_list(out, x) ? kind::list : kind::unknown;
    const torch_library* torch = torch_library::loaded();
    if (torch != nullptr && torch->is_exact_tensor(x)) {
        out.key.add(word_of(type));
        return add_tensor(out, *torch, x) ? kind::tensor : kind::unknown;
    }
    if (!numpy.is_scalar(x)) {
        if (engine::package_of_type(type) != "PIL") return kind::unknown;
        out.key.add_object(py::handle(reinterpret_cast<PyObject*>(type)));
        return kind::image;
    }
    const py::object dtype = py::handle(x).attr("dtype"); // a subclass may answer anything
    if (!py::isinstance(dtype, engine::imported_module("numpy").attr("dtype"))) return kind::unknown;
    out.key.add_object(py::handle(reinterpret_cast<PyObject*>(type)));
    add_dtype(out.key, dtype.ptr());
    return kind::scalar;
}

/// Adds the value of an option; false for one that may be anything.
bool add_value(call_key& key, PyObject* value) {
    PyTypeObject* type = Py_TYPE(value);
    key.add(word_of(type));
    if (value == Py_None || type == &PyBool_Type || type == &PyType_Type) return key.add_object(value), true;
    if (type == &PyUnicode_Type) return key.add_text(value), true;
    if (type == &PyFloat_Type || type == &PyComplex_Type) {
        const Py_complex number = PyComplex_AsCComplex(value);
        for (const double part : {number.real, number.imag}) {
            std::uintptr_t word = 0;
            std::memcpy(&word, &part, sizeof part);
            key.add(word);
        }
        return true;
    }
    if (type == &PyLong_Type) {
        int overflow = 0;
        key.add(static_cast<std::uintptr_t>(PyLong_AsLongLongAndOverflow(value, &overflow)));
        return overflow == 0;
    }
    auto* known = reinterpret_cast<PyObject*>(type);
    for (kept_attribute& words : torch_words)
        if (known == words.get()) return key.add_object(value), true; // there is one object for each
    if (known == torch_device.get()) return key.add_text(py::str(value)), true;
    return false;
}

/// Adds the other arguments; false if they may be anything.
bool add_options(call_key& key, const call_facts& facts, PyObject* options) {
    if (options == nullptr || facts.registry) return key.add(0), true; // there they are tables of functions
    if (facts.own_lines) {                                             // two of them count
        const py::object out = engine::dict_entry(options, "out"), copy = engine::dict_entry(options, "copy");
        key.add(copy.ptr() == Py_True ? 1 : 0);
        return !out || out.is_none();
    }
    key.add(static_cast<std::uintptr_t>(PyDict_GET_SIZE(options)));
    for (const auto& [name, value] : py::reinterpret_borrow<py::dict>(options)) {
        key.add_text(name); // some names are made for each call
        if (!add_value(key, value.ptr())) return false;
    }
    return true;
}

bool have_equal_strides(const described_object& a, const described_object& b) {
    const memory &x = a.memory.description, &y = b.memory.description;
    return a.of == described_object::kind::array && b.of == a.of && x.ndim == y.ndim &&
           std::equal(x.strides, x.strides + x.ndim, y.strides);
}

/// Whether two objects share memory; nothing if that cannot be found out.
std::optional<bool> share_memory(PyObject* x, const described_object& source, PyObject* y,
                                 const described_object& result) {
    if (source.has_memory() && result.has_memory()) return share_addresses(source, result);
    if (result.of == described_object::kind::list) return false;
    imported given, made; // scalars have buffers
    const bool located = locate(x, given) && locate(y, made);
    if (located) return bounds_overlap(given.description, made.description);
    return source.of == described_object::kind::scalar ? std::optional<bool>(false) : std::nullopt;
}

} // namespace

call_facts::call_facts(const py::object& row)
    : call(row),
      parameter(row.attr("parameter")),
      position(row.attr("position").cast<Py_ssize_t>()),
      repeats(row.attr("repeats").cast<bool>()),
      own_lines(row.attr("own_lines").cast<bool>()),
      registry(py::bool_(py::object(row.attr("registry")))),
      stays(row.attr("stays").cast<bool>()),
      of_torch(row.attr("module").cast<std::string>() == "torch"),
      second_is_dtype(row.attr("second_is_dtype").cast<bool>()),
      is_subscript(row.attr("name").cast<std::string>() == "[]") {
    PyObject* name = parameter.release().ptr();
    PyUnicode_InternInPlace(&name);
    parameter = py::reinterpret_steal<py::object>(name);
}

void call_key::add_object(py::handle object) {
    words_.push_back(word_of(object.ptr()));
    objects_.push_back(py::reinterpret_borrow<py::object>(object));
}

void call_key::add_text(py::handle text) {
    Py_ssize_t size = 0;
    const char* bytes = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
    if (bytes == nullptr) throw py::error_already_set();
    const auto length = static_cast<std::size_t>(size);
    words_.push_back(length);
    for (std::size_t i = 0; i < length; i += sizeof(std::uintptr_t)) {
        std::uintptr_t word = 0;
        std::memcpy(&word, bytes + i, std::min(sizeof word, length - i));
        words_.push_back(word);
    }
}

void call_key::add_key(const call_key& other) {
    words_.insert(words_.end(), other.words_.begin(), other.words_.end());
    objects_.insert(objects_.end(), other.objects_.begin(), other.objects_.end());
}

std::size_t hash_of_key::operator()(const call_key& key) const noexcept {
    std::uint64_t hash = 0x9E3779B97F4A7C15U;
    for (const std::uintptr_t word : key.words()) {
        hash = (hash ^ word) * 0xFF51AFD7ED558CCDU;
        hash ^= hash >> 32U;
    }
    return static_cast<std::size_t>(hash);
}

described_object::described_object(PyObject* x) {
    of = describe(*this, x);
    holds_arrays = holds_arrays || has_memory();
}

std::optional<std::int64_t> counted_bytes(PyObject* x, const described_object& source, PyObject* y,
                                          const described_object& result) {
    const bool of_source = result.of == described_object::kind::list && PyList_Check(y);
    const described_object& counted = of_source ? source : result;
    if (counted.has_memory()) return byte_count(counted.memory.description);
    if (counted.of != described_object::kind::scalar) return std::nullopt;
    return py::handle(of_source ? x : y).attr("nbytes").cast<std::int64_t>();
}

bool share_addresses(const described_object& a, const described_object& b) {
    return bounds_overlap(a.memory.description, b.memory.description);
}

bool add_call(call_key& key, const call_facts& facts, PyObject* options, PyObject* x, const described_object& source,
              PyObject* y, const described_object& result) {
    key.add(word_of(facts.call.ptr()));
    if (!add_options(key, facts, options)) return false;
    std::optional<bool> shared = false;
    if (!facts.own_lines && !source.is_python() && !source.is_image()) shared = share_memory(x, source, y, result);
    if (!shared) return false;
    for (const described_object* each : {&source, &result}) {
        key.add(static_cast<std::uintptr_t>(each->of));
        key.add_key(each->key);
    }
    for (const bool each : {*shared, x == y, have_equal_strides(source, result)}) key.add(each ? 1 : 0);
    return true;
}

bool is_basic_index(PyObject* index) {
    const auto is_basic = [](PyObject* each) {
        PyTypeObject* type = Py_TYPE(each);
        return type == &PyLong_Type || type == &PySlice_Type || type == &PyUnicode_Type || each == Py_None ||
               each == Py_Ellipsis;
    };
    if (!PyTuple_CheckExact(index)) return is_basic(index);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(index); ++i)
        if (!is_basic(PyTuple_GET_ITEM(index, i))) return false;
    return true;
}

bool is_of_library(const call_facts& facts, PyObject* x) {
    if (!facts.of_torch) return numpy_library::get().is_exact_array(x);
    const torch_library* torch = torch_library::loaded();
    return torch != nullptr && torch->is_tensor(x);
}

bool is_traced() {
    PyObject* tracing = torch_is_tracing.get();
    if (tracing != nullptr && called(tracing).ptr() == Py_True) return true;
    PyObject* eager = tensorflow_is_eager.get();
    return eager != nullptr && called(eager).ptr() == Py_False;
}

torch_functions_off::torch_functions_off() {
    PyObject *modes = torch_modes.get(), *disabled = torch_disabled.get();
    if (disabled == nullptr || (modes != nullptr && PyLong_AsLong(called(modes).ptr()) == 0)) return;
    py::object guard = called(disabled);
    guard.attr("__enter__")();
    guard_ = guard.release().ptr();
}

torch_functions_off::~torch_functions_off() {
    if (guard_ == nullptr) return;
    const py::error_scope keeps_what_is_raised;
    PyObject* left = PyObject_CallMethod(guard_, "__exit__", "OOO", Py_None, Py_None, Py_None);
    if (left == nullptr) PyErr_WriteUnraisable(guard_);
    Py_XDECREF(left);
    Py_DECREF(guard_);
}

} // namespace numpy_bridge
