/// stand_in: an object that is called in place of a function and reports the call.
///
/// It is no Python function, because that would show: as a frame in tracebacks, as the line that a warning in C is
/// given for, in pickles, and where a class holds a builtin function, which does not bind. Attributes that it lacks are
/// the original's, and so are its class and its representation.
#include "register.hpp"

#include <cstddef>

#include <numpy_bridge/python.hpp>

#include <structmember.h>

namespace numpy_bridge {

namespace {

struct stand_in {
    PyObject head;
    vectorcallfunc call;
    PyObject* original;
    PyObject* before; ///< before(arguments, keywords) returns None, or what `after` gets
    PyObject* after;  ///< after(noted, result, returned); an exception of it is the call's
    PyObject* attributes;
    PyObject* references; ///< weak ones
};

stand_in* as_stand_in(PyObject* self) { return reinterpret_cast<stand_in*>(self); }

/// The arguments of a vector call as a tuple and a dict.
PyObject* noted_before(const stand_in& self, PyObject* const* given, Py_ssize_t count, PyObject* names) {
    const Py_ssize_t named = names == nullptr ? 0 : PyTuple_GET_SIZE(names);
    PyObject* arguments = PyTuple_New(count);
    PyObject* keywords = PyDict_New();
    bool failed = arguments == nullptr || keywords == nullptr;
    for (Py_ssize_t i = 0; i < count && !failed; ++i) PyTuple_SET_ITEM(arguments, i, Py_NewRef(given[i]));
    for (Py_ssize_t i = 0; i < named && !failed; ++i)
        failed = PyDict_SetItem(keywords, PyTuple_GET_ITEM(names, i), given[count + i]) != 0;
    PyObject* noted = failed ? nullptr : PyObject_CallFunctionObjArgs(self.before, arguments, keywords, nullptr);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    return noted;
}

/// Reports a call that has ended, with its exception put aside. Steals `result` and `noted`.
PyObject* reported(const stand_in& self, PyObject* noted, PyObject* result) {
    PyObject *type = nullptr, *value = nullptr, *trace = nullptr;
    PyErr_Fetch(&type, &value, &trace);
    PyObject* answer = PyObject_CallFunctionObjArgs(self.after, noted, result == nullptr ? Py_None : result,
                                                    result == nullptr ? Py_False : Py_True, nullptr);
    if (answer == nullptr) Py_CLEAR(result);
    if (type != nullptr) PyErr_Restore(type, value, trace); // instead of one of `after`
    Py_XDECREF(answer);
    Py_DECREF(noted);
    return result;
}

PyObject* call_and_report(PyObject* object, PyObject* const* given, std::size_t flagged, PyObject* names) {
    return engine::call_or_wait([=]() -> PyObject* {
        const stand_in& self = *as_stand_in(object);
        PyObject* noted = noted_before(self, given, PyVectorcall_NARGS(flagged), names);
        if (noted == nullptr) return nullptr;
        PyObject* result = PyObject_Vectorcall(self.original, given, flagged, names);
        if (!Py_IsNone(noted)) return reported(self, noted, result);
        Py_DECREF(noted);
        return result;
    });
}

PyObject* bind(PyObject* self, PyObject* object, PyObject*) {
    return object == nullptr || Py_IsNone(object) ? Py_NewRef(self) : PyMethod_New(self, object);
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
    PyObject* found = PyObject_GenericGetAttr(self, name);
    if (found != nullptr || PyErr_ExceptionMatches(PyExc_AttributeError) == 0) return found;
    PyErr_Clear();
    return PyObject_GetAttr(as_stand_in(self)->original, name);
}

PyObject* represent(PyObject* self) { return PyObject_Repr(as_stand_in(self)->original); }

PyObject* class_of(PyObject* self, void*) {
    return Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(as_stand_in(self)->original)));
}

PyObject* itself(PyObject* self, PyObject*) { return Py_NewRef(self); }

int traverse(PyObject* self, visitproc visit, void* arg) {
    const stand_in& held = *as_stand_in(self);
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(held.original);
    Py_VISIT(held.before);
    Py_VISIT(held.after);
    Py_VISIT(held.attributes);
    return 0;
}

int clear(PyObject* self) {
    stand_in& held = *as_stand_in(self);
    Py_CLEAR(held.before);
    Py_CLEAR(held.after);
    Py_CLEAR(held.attributes);
    return 0;
}

void deallocate(PyObject* self) {
    PyTypeObject* type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (as_stand_in(self)->references != nullptr) PyObject_ClearWeakRefs(self);
    clear(self);
    Py_CLEAR(as_stand_in(self)->original);
    type->tp_free(self);
    Py_DECREF(type);
}

PyMemberDef members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(stand_in, call), READONLY, nullptr},
                         {"__dictoffset__", T_PYSSIZET, offsetof(stand_in, attributes), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(stand_in, references), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

PyGetSetDef computed[] = {{"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
                          {"__class__", class_of, nullptr, nullptr, nullptr},
                          {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef stand_in_methods[] = {{"__copy__", itself, METH_NOARGS, nullptr},
                                  {"__deepcopy__", itself, METH_O, nullptr},
                                  {nullptr, nullptr, 0, nullptr}};

template <class Function> void* slot(Function* function) { return reinterpret_cast<void*>(function); }

/// A type for functions that bind to an object, as methods do, or for those that do not, as functions in C.
PyTypeObject* new_type(bool binds) {
    PyType_Slot slots[] = {{Py_tp_call, slot(PyVectorcall_Call)},
                           {Py_tp_getattro, slot(get_attribute)},
                           {Py_tp_repr, slot(represent)},
                           {Py_tp_traverse, slot(traverse)},
                           {Py_tp_clear, slot(clear)},
                           {Py_tp_dealloc, slot(deallocate)},
                           {Py_tp_members, members},
                           {Py_tp_getset, computed},
                           {Py_tp_methods, stand_in_methods},
                           {binds ? Py_tp_descr_get : 0, slot(bind)}, // 0 ends the list
                           {0, nullptr}};
    PyType_Spec spec{"numpy_bridge._core.stand_in", sizeof(stand_in), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL, slots};
    PyObject* type = PyType_FromSpec(&spec);
    if (type == nullptr) throw py::error_already_set();
    return reinterpret_cast<PyTypeObject*>(type);
}

PyTypeObject* binding = nullptr; // these are written once, when the module is made
PyTypeObject* plain = nullptr;

py::object make(const py::object& original, const py::object& before, const py::object& after) {
    PyTypeObject* type = Py_TYPE(original.ptr())->tp_descr_get != nullptr ? binding : plain;
    auto* self = reinterpret_cast<stand_in*>(PyType_GenericAlloc(type, 0));
    if (self == nullptr) throw py::error_already_set();
    self->call = call_and_report;
    self->original = Py_NewRef(original.ptr());
    self->before = Py_NewRef(before.ptr());
    self->after = Py_NewRef(after.ptr());
    return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(self));
}

} // namespace

void register_stand_in(py::module_& module) {
    binding = new_type(true);
    plain = new_type(false);
    module.def("stand_in", make, py::arg("original"), py::arg("before"), py::arg("after"),
               R"(An object to be called instead of `original`, which binds as it does and has its attributes.

A call is before(arguments, keywords), the original's own, and unless that returned None after(noted, result, returned),
with what it returned. There are no frames between those of the caller and those of the three.)");
}

} // namespace numpy_bridge
