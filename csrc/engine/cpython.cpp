#include <numpy_bridge/cpython.hpp>

#include <string_view>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE std::string text_before_dot(std::string_view path) {
    return std::string(path.substr(0, path.find('.')));
}

#if defined(Py_LIMITED_API)

/// A descriptor of `type` itself, such as that of `__mro__`: metaclasses can replace the attribute, but not this.
NUMPY_BRIDGE_INLINE PyObject* descriptor_of_type(interned_name& storage, const char* name) {
    PyObject* known = storage.load(std::memory_order_acquire);
    if (known != nullptr) return known;
    const py::object all = stolen(PyObject_GetAttrString(reinterpret_cast<PyObject*>(&PyType_Type), "__dict__"));
    known = stolen(PyMapping_GetItemString(all.ptr(), name)).release().ptr();
    storage.store(known, std::memory_order_release);
    return known;
}

/// What such a descriptor gives for `type`.
NUMPY_BRIDGE_INLINE py::object field_of(PyTypeObject* type, PyObject* descriptor) {
    const auto get = reinterpret_cast<descrgetfunc>(PyType_GetSlot(Py_TYPE(descriptor), Py_tp_descr_get));
    auto* object = reinterpret_cast<PyObject*>(type);
    return stolen(get(descriptor, object, reinterpret_cast<PyObject*>(Py_TYPE(object))));
}

NUMPY_BRIDGE_INLINE PyObject* look_up(PyTypeObject* type, PyObject* name) {
    static interned_name storage{nullptr};
    PyObject* dictionary = descriptor_of_type(storage, "__dict__");
    const py::object ancestry = ancestry_of(type);
    for (Py_ssize_t i = 0; i < PyTuple_Size(ancestry.ptr()); ++i) {
        const py::object own =
            field_of(reinterpret_cast<PyTypeObject*>(PyTuple_GetItem(ancestry.ptr(), i)), dictionary);
        const int found = PySequence_Contains(own.ptr(), name);
        if (found < 0) throw py::error_already_set();
        if (found == 1) return stolen(PyObject_GetItem(own.ptr(), name)).ptr(); // its type keeps it, under the GIL
    }
    return nullptr;
}

NUMPY_BRIDGE_INLINE py::object ancestry_of(PyTypeObject* type) {
    static interned_name storage{nullptr};
    return field_of(type, descriptor_of_type(storage, "__mro__"));
}

NUMPY_BRIDGE_INLINE std::string name_of_type(PyTypeObject* type) {
    static interned_name storage{nullptr};
    const std::string name = to_text(field_of(type, descriptor_of_type(storage, "__name__")));
    return name.substr(name.rfind('.') + 1);
}

NUMPY_BRIDGE_INLINE std::string package_of_type(PyTypeObject* type) {
    static interned_name storage{nullptr};
    const auto get = [&] { return field_of(type, descriptor_of_type(storage, "__module__")); };
    try {
        const py::object module = get();
        if (PyUnicode_Check(module.ptr()) == 0) return {};
        const std::string package = text_before_dot(to_text(module));
        return package == "builtins" ? std::string() : package;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises errors that are not about the type
        return {};
    }
}

NUMPY_BRIDGE_INLINE PyObject* exporter_of(PyObject* memoryview) noexcept {
    PyObject* exporter = PyObject_GetAttrString(memoryview, "obj");
    if (exporter == nullptr) PyErr_Clear(); // the memoryview was released
    else Py_DECREF(exporter);               // the memoryview keeps it
    return exporter == Py_None ? nullptr : exporter;
}

NUMPY_BRIDGE_INLINE c_attribute::c_attribute(py::handle type, const char* name)
    : descriptor_(py::object(type.attr(name)).release().ptr()) {
    if (Py_TYPE(descriptor_) == &PyGetSetDescr_Type)
        value_ = reinterpret_cast<descrgetfunc>(PyType_GetSlot(Py_TYPE(descriptor_), Py_tp_descr_get));
}

NUMPY_BRIDGE_INLINE py::object c_attribute::operator()(PyObject* self) const {
    if (value_ != nullptr) return stolen(value_(descriptor_, self, type_of(self)));
    return stolen(PyObject_CallFunctionObjArgs(descriptor_, self, nullptr));
}

#else

NUMPY_BRIDGE_INLINE py::object ancestry_of(PyTypeObject* type) {
    return py::reinterpret_borrow<py::object>(type->tp_mro);
}

NUMPY_BRIDGE_INLINE std::string name_of_type(PyTypeObject* type) {
    const std::string_view path = type->tp_name;
    return std::string(path.substr(path.rfind('.') + 1));
}

NUMPY_BRIDGE_INLINE std::string package_of_type(PyTypeObject* type) {
    if (const char* path = name_of_static_type(type)) { // with the module, if it is not built in
        const std::string_view name = path;
        return name.find('.') == std::string_view::npos ? std::string() : text_before_dot(name);
    }
    static interned_name attribute{nullptr};
    const py::object module = published_by(type, interned(attribute, "__module__"));
    const char* path = module && PyUnicode_Check(module.ptr()) ? PyUnicode_AsUTF8(module.ptr()) : nullptr;
    if (path != nullptr) return text_before_dot(path);
    PyErr_Clear(); // a module without a readable name
    return {};
}

NUMPY_BRIDGE_INLINE PyObject* exporter_of(PyObject* memoryview) noexcept {
    return PyMemoryView_GET_BUFFER(memoryview)->obj;
}

NUMPY_BRIDGE_INLINE c_attribute::c_attribute(py::handle type, const char* name)
    : descriptor_(py::object(type.attr(name)).release().ptr()) {
    if (Py_TYPE(descriptor_) == &PyMethodDescr_Type) {
        const PyMethodDef* method = reinterpret_cast<PyMethodDescrObject*>(descriptor_)->d_method;
        if (method->ml_flags == METH_NOARGS) {
            function_ = method->ml_meth;
        } else if (method->ml_flags == (METH_VARARGS | METH_KEYWORDS)) {
            keyword_function_ =
                reinterpret_cast<PyCFunctionWithKeywords>(reinterpret_cast<void (*)()>(method->ml_meth));
            no_arguments_ = PyTuple_New(0);
        }
    } else if (Py_TYPE(descriptor_) == &PyGetSetDescr_Type) {
        property_ = reinterpret_cast<PyGetSetDescrObject*>(descriptor_)->d_getset;
    }
}

NUMPY_BRIDGE_INLINE py::object c_attribute::operator()(PyObject* self) const {
    if (function_ != nullptr) return stolen(function_(self, nullptr));
    if (keyword_function_ != nullptr) return stolen(keyword_function_(self, no_arguments_, nullptr));
    if (property_ != nullptr) return stolen(property_->get(self, property_->closure));
    return stolen(PyObject_CallOneArg(descriptor_, self));
}

#endif

NUMPY_BRIDGE_INLINE bool type_has(PyObject* x, const char* name) {
    const py::object key = stolen(PyUnicode_InternFromString(name));
    return look_up(Py_TYPE(x), key.ptr()) != nullptr;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
