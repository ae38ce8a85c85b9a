/// What the engine needs of CPython beyond its limited API, and the same with that API, in modules of the stable ABI.
/// Their ways take longer; arrays and tensors, as most calls have them, are loaded without these functions.
#pragma once

#include <string>

#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

#if defined(Py_LIMITED_API) && Py_LIMITED_API < 0x030B0000

#ifdef _WIN32 // where python3.dll has only what the stable ABI of its version has
#error "numpy_bridge uses buffers, which the stable ABI has since Python 3.11: ask for STABLE_ABI_VERSION 3.11"
#endif

// In the stable ABI since Python 3.11, and the same before.
struct Py_buffer {
    void* buf;
    PyObject* obj;
    Py_ssize_t len;
    Py_ssize_t itemsize;
    int readonly;
    int ndim;
    char* format;
    Py_ssize_t* shape;
    Py_ssize_t* strides;
    Py_ssize_t* suboffsets;
    void* internal;
};

extern "C" {
PyAPI_FUNC(int) PyObject_CheckBuffer(PyObject* x);
PyAPI_FUNC(int) PyObject_GetBuffer(PyObject* x, Py_buffer* view, int flags);
PyAPI_FUNC(void) PyBuffer_Release(Py_buffer* view);
}

enum buffer_request : int {
    PyBUF_SIMPLE = 0,
    PyBUF_WRITABLE = 0x1,
    PyBUF_FORMAT = 0x4,
    PyBUF_ND = 0x8,
    PyBUF_STRIDES = 0x10 | PyBUF_ND,
    PyBUF_C_CONTIGUOUS = 0x20 | PyBUF_STRIDES,
    PyBUF_F_CONTIGUOUS = 0x40 | PyBUF_STRIDES,
    PyBUF_ANY_CONTIGUOUS = 0x80 | PyBUF_STRIDES,
    PyBUF_FULL_RO = 0x100 | PyBUF_STRIDES | PyBUF_FORMAT
};

#endif

namespace engine {

/// The attribute that `type` or one of its ancestors defines, as it is there: a function, a descriptor. Borrowed; null
/// if there is none. Runs no Python code.
#if defined(Py_LIMITED_API)
PyObject* look_up(PyTypeObject* type, PyObject* name);
#else
inline PyObject* look_up(PyTypeObject* type, PyObject* name) { return _PyType_Lookup(type, name); }
#endif

/// The same, held: without the GIL a borrowed reference might be lost meanwhile.
inline py::object published_by(PyTypeObject* type, PyObject* name) {
#ifdef Py_GIL_DISABLED
    return optional_attribute(reinterpret_cast<PyObject*>(type), name);
#else
    return py::reinterpret_borrow<py::object>(look_up(type, name));
#endif
}

/// Whether the type of `x` has the attribute. Cheaper than reading the attribute of `x`, which most objects lack.
bool type_has(PyObject* x, const char* name);

/// Whether attributes of such objects are read as those of `object` are.
inline bool reads_attributes_plainly(PyTypeObject* type) noexcept {
#if defined(Py_LIMITED_API)
    return reinterpret_cast<getattrofunc>(PyType_GetSlot(type, Py_tp_getattro)) == PyObject_GenericGetAttr;
#else
    return type->tp_getattro == PyObject_GenericGetAttr;
#endif
}

/// A tuple of `type` and the types that it inherits from, `object` last.
py::object ancestry_of(PyTypeObject* type);

/// "Tensor": the name without its module.
std::string name_of_type(PyTypeObject* type);

/// "torch": the first part of the module that defines a type. Empty for built-in types, and without a readable
/// `__module__`.
std::string package_of_type(PyTypeObject* type);

inline std::string package_of(PyObject* x) { return package_of_type(Py_TYPE(x)); }

/// What a memoryview is of, borrowed. Null if there is nothing.
PyObject* exporter_of(PyObject* memoryview) noexcept;

/// An attribute of a C type, called without arguments and, if possible, without Python's call machinery:
/// a method through its C function, a property through its C getter.
class c_attribute {
public:
    c_attribute(py::handle type, const char* name);

    /// The method's result, or the property's value, for `self`.
    py::object operator()(PyObject* self) const;

    bool is_true(PyObject* self) const { return operator()(self).ptr() == Py_True; }

private:
    PyObject* descriptor_; // kept for the life of the process, as is the empty tuple
#if defined(Py_LIMITED_API)
    descrgetfunc value_ = nullptr; // of a property
#else
    PyObject* no_arguments_ = nullptr;
    PyCFunction function_ = nullptr;
    PyCFunctionWithKeywords keyword_function_ = nullptr;
    const PyGetSetDef* property_ = nullptr;
#endif
};

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/cpython.cpp"
#endif
