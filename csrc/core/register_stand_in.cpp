/// stand_in: an object that is called in place of a function and reports the call.
///
/// It is no Python function, because that would show: as a frame in tracebacks, as the line that a warning in C is
/// given for, in pickles, and where a class holds a builtin function, which does not bind. Attributes that it lacks are
/// the original's, and so are its class and its representation.
#include "register.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include <numpy_bridge/python.hpp>

#include <structmember.h>

#include "fast_function.hpp"
#include "known_calls.hpp"
#include "unwatched.hpp"

namespace numpy_bridge {

namespace {

struct stand_in {
    PyObject head;
    vectorcallfunc call;
    PyObject* original;
    PyObject* before;   ///< before(arguments, keywords) returns None, or what `after` gets
    PyObject* after;    ///< after(noted, result, seconds) returns None, or an exception for the call to raise
    PyObject* receiver; ///< the first argument of a bound method; null if there is none
    PyObject* known;    ///< KnownCalls; null if each call is judged by itself
    known_calls* calls; ///< the same
    const call_facts* facts;
    bool silences; ///< whether it is one of the calls that are not reported inside another, see `unwatched_here`
    PyObject* attributes;
    PyObject* references; ///< weak ones
};

stand_in* as_stand_in(PyObject* self) { return reinterpret_cast<stand_in*>(self); }

/// The arguments of a vector call.
struct vector_call {
    PyObject* const* given;
    std::size_t flagged;
    PyObject* names;

    Py_ssize_t count() const { return PyVectorcall_NARGS(flagged); }
    Py_ssize_t named() const { return names == nullptr ? 0 : PyTuple_GET_SIZE(names); }
};

PyObject* tuple_of_positional(const vector_call& made) {
    PyObject* arguments = PyTuple_New(made.count());
    for (Py_ssize_t i = 0; arguments != nullptr && i < made.count(); ++i)
        PyTuple_SET_ITEM(arguments, i, Py_NewRef(made.given[i]));
    return arguments;
}

PyObject* noted_before(const stand_in& self, const vector_call& made) {
    PyObject* arguments = tuple_of_positional(made);
    PyObject* keywords = PyDict_New();
    bool failed = arguments == nullptr || keywords == nullptr;
    for (Py_ssize_t i = 0; i < made.named() && !failed; ++i)
        failed = PyDict_SetItem(keywords, PyTuple_GET_ITEM(made.names, i), made.given[made.count() + i]) != 0;
    PyObject* noted = failed ? nullptr : PyObject_CallFunctionObjArgs(self.before, arguments, keywords, nullptr);
    Py_XDECREF(arguments);
    Py_XDECREF(keywords);
    return noted;
}

/// Reports a call that returned `result`, and raises what `after` returns. Steals `result` and `noted`.
PyObject* reported(const stand_in& self, PyObject* noted, PyObject* result, double seconds) {
    PyObject* taken = PyFloat_FromDouble(seconds);
    PyObject* error = noted == nullptr || taken == nullptr
                          ? nullptr
                          : PyObject_CallFunctionObjArgs(self.after, noted, result, taken, nullptr);
    if (error != nullptr && !Py_IsNone(error)) PyErr_SetObject(reinterpret_cast<PyObject*>(Py_TYPE(error)), error);
    if (error == nullptr || !Py_IsNone(error)) Py_CLEAR(result);
    Py_XDECREF(error);
    Py_XDECREF(taken);
    Py_XDECREF(noted);
    return result;
}

/// Calls the original, and measures the time.
PyObject* call_original(const stand_in& self, const vector_call& made, double& seconds) {
    using clock = std::chrono::steady_clock;
    const bool before = unwatched_here;
    unwatched_here = before || self.silences;
    const auto started = clock::now();
    PyObject* result = PyObject_Vectorcall(self.original, made.given, made.flagged, made.names);
    seconds = std::chrono::duration<double>(clock::now() - started).count();
    unwatched_here = before;
    return result;
}

PyObject* call_and_judge(const stand_in& self, const vector_call& made) {
    PyObject* noted = noted_before(self, made);
    if (noted == nullptr) return nullptr;
    double seconds = 0;
    PyObject* result = nullptr;
    if (Py_IsNone(noted)) result = PyObject_Vectorcall(self.original, made.given, made.flagged, made.names);
    else result = call_original(self, made, seconds);
    if (result != nullptr && !Py_IsNone(noted)) return reported(self, noted, result, seconds);
    Py_DECREF(noted);
    return result;
}

/// The argument that is converted, borrowed; None if it was not given.
PyObject* source_of(const stand_in& self, const vector_call& made) {
    const Py_ssize_t place = self.facts->position - (self.receiver == nullptr ? 0 : 1);
    if (place < 0) return self.receiver;
    if (place < made.count()) return made.given[place];
    for (Py_ssize_t i = 0; i < made.named(); ++i)
        if (PyUnicode_Compare(PyTuple_GET_ITEM(made.names, i), self.facts->parameter.ptr()) == 0)
            return made.given[made.count() + i];
    return Py_None;
}

/// The other arguments by name, as `Call.parts` names them, in a new dict; an empty object if there are none.
py::object options_of(const stand_in& self, const vector_call& made) {
    const Py_ssize_t received = self.receiver == nullptr ? 0 : 1, first = self.facts->position + 1 - received;
    if (made.named() == 0 && made.count() <= first) return {};
    py::dict options;
    for (Py_ssize_t i = 0; i < made.named(); ++i) {
        const py::handle name(PyTuple_GET_ITEM(made.names, i));
        if (!name.equal(self.facts->parameter)) options[name] = py::handle(made.given[made.count() + i]);
    }
    for (Py_ssize_t i = first; i < made.count(); ++i) {
        const bool is_dtype = i == first && self.facts->second_is_dtype;
        const py::str name(is_dtype ? "dtype" : "argument " + std::to_string(i - first + 2));
        options[name] = py::handle(made.given[i]);
    }
    return std::move(options);
}

py::object current_frame() {
    return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(PyThreadState_GetFrame(PyThreadState_Get())));
}

enum class standing : std::uint8_t { failed, known, unknown };

/// Runs `f`, which asks objects questions that no audit reports. Their errors make a call unknown.
template <class F> standing asking(F f) noexcept {
    const bool before = unwatched_here;
    unwatched_here = true;
    standing answer = standing::unknown;
    try {
        answer = f() ? standing::known : standing::unknown;
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) {
            error.restore();
            answer = standing::failed;
        }
    } catch (const std::exception&) {
        answer = standing::unknown;
    }
    unwatched_here = before;
    return answer;
}

/// Whether nothing remains to be done for a call that returned `result`. `options` gets a new reference, or null.
standing count(const stand_in& self, const vector_call& made, PyObject* source, PyObject* result, double seconds,
               PyObject*& options) noexcept {
    return asking([&] {
        if (is_traced()) return true;
        const py::object frame = current_frame(), others = options_of(self, made);
        options = py::object(others).release().ptr();
        const torch_functions_off here;
        const ended_call call{*self.facts, options, source, result, frame.ptr()};
        const auto found = self.calls->look_up(call, seconds).what;
        return found == known_calls::answer::counted || found == known_calls::answer::unreported;
    });
}

PyObject* call_and_count(const stand_in& self, const vector_call& made, PyObject* source) {
    double seconds = 0;
    PyObject* options = nullptr;
    PyObject* result = call_original(self, made, seconds);
    if (result == nullptr) return nullptr;
    const standing found = count(self, made, source, result, seconds, options);
    if (found == standing::failed) Py_CLEAR(result);
    if (found == standing::unknown) {
        if (options == nullptr) options = PyDict_New();
        PyObject* noted = options == nullptr ? nullptr : PyTuple_Pack(2, source, options);
        result = reported(self, noted, result, seconds);
    }
    Py_XDECREF(options);
    return result;
}

/// Whether a call is never reported: a library converts within a library, or an index selects a view.
standing is_silent(const stand_in& self, const vector_call& made, PyObject* source) noexcept {
    return asking([&] {
        if (self.facts->is_subscript) return made.count() == 1 && is_basic_index(made.given[0]);
        if (!self.facts->stays || !is_of_library(*self.facts, source)) return false;
        const py::object frame = current_frame();
        return frame && !self.calls->is_own_code(frame.ptr());
    });
}

PyObject* call_and_report(PyObject* object, PyObject* const* given, std::size_t flagged, PyObject* names) {
    return engine::call_or_wait([=]() -> PyObject* {
        const stand_in& self = *as_stand_in(object);
        const vector_call made{given, flagged, names};
        if ((unwatched_here && self.silences) ||
            (self.calls != nullptr && !self.calls->listening.load(std::memory_order_relaxed)))
            return PyObject_Vectorcall(self.original, given, flagged, names);
        if (self.calls == nullptr) return call_and_judge(self, made);
        PyObject* source = source_of(self, made);
        if (!self.facts->own_lines && PyCapsule_CheckExact(source)) return call_and_judge(self, made);
        const standing silent = is_silent(self, made, source);
        if (silent == standing::failed) return nullptr;
        if (silent == standing::known) return PyObject_Vectorcall(self.original, given, flagged, names);
        return call_and_count(self, made, source);
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
    Py_VISIT(held.receiver);
    Py_VISIT(held.known);
    Py_VISIT(held.attributes);
    return 0;
}

int clear(PyObject* self) {
    stand_in& held = *as_stand_in(self);
    Py_CLEAR(held.before);
    Py_CLEAR(held.after);
    Py_CLEAR(held.receiver);
    Py_CLEAR(held.known);
    held.calls = nullptr; // part of `known`, as are the facts
    held.facts = nullptr;
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

constexpr signature<7> stand_in_signature{
    "stand_in", 3, {"original", "before", "after", "known", "call", "receiver", "silences"}};

/// A new reference to an argument; null if it is None or was not given.
PyObject* new_reference_or_null(PyObject* x) { return x == nullptr || Py_IsNone(x) ? nullptr : Py_NewRef(x); }

py::object make(const arguments<7>& given) {
    const auto& [original, before, after, known, call, receiver, silences] = given;
    auto* calls = known == nullptr ? nullptr : py::handle(known).cast<known_calls*>(); // null for None
    const call_facts* facts = calls == nullptr ? nullptr : &calls->facts_of(call == nullptr ? Py_None : call);
    const bool is_silent = is_true(silences, true);
    PyTypeObject* type = Py_TYPE(original)->tp_descr_get != nullptr ? binding : plain;
    auto* self = reinterpret_cast<stand_in*>(PyType_GenericAlloc(type, 0));
    if (self == nullptr) throw py::error_already_set();
    self->call = call_and_report;
    self->original = Py_NewRef(original);
    self->before = Py_NewRef(before);
    self->after = Py_NewRef(after);
    self->receiver = new_reference_or_null(receiver);
    self->known = new_reference_or_null(known);
    self->calls = calls;
    self->facts = facts;
    self->silences = is_silent;
    return py::reinterpret_steal<py::object>(reinterpret_cast<PyObject*>(self));
}

constexpr const char* stand_in_doc =
    R"(stand_in(original, before, after, *, known=None, call=None, receiver=None, silences=True)
--

stand_in(original: object, before: object, after: object, *, known: object = None, call: object = None, receiver: object = None, silences: bool = True) -> object

An object to be called instead of `original`, which binds as it does and has its attributes.

A call is before(arguments, keywords), the original's own, and unless `before` returned None or the call failed
after(noted, result, seconds), with what it returned. What that returns, if not None, is raised. There are no frames
between those of the caller and those of the three. If it `silences`, calls inside it are not reported, nor is it itself
inside such a call.

With `known`, the KnownCalls, and `call`, the row of the table, calls that are known are counted there. Others are given
to `after`, which gets the argument and the options, and `before` is asked about capsules only. `receiver` is the object
that a method is bound to.
)";

} // namespace

void register_stand_in(py::module_& module) {
    binding = new_type(true);
    plain = new_type(false);
    static PyMethodDef methods[] = {
        fast_method("stand_in", fast_function<stand_in_signature, make>, stand_in_doc), // one is made for some calls
        {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
}

} // namespace numpy_bridge
