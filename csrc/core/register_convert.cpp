/// view, to_numpy and to_torch: import, then export, and a copy only if the caller allows it.
#include "copying.hpp"
#include "fast_function.hpp"
#include "register.hpp"
#include "trees.hpp"
#include "view.hpp"

#include <optional>

#include <numpy_bridge/copy.hpp>
#include <numpy_bridge/cpython.hpp>
#include <numpy_bridge/libraries/numpy.hpp>
#include <numpy_bridge/libraries/torch_tensor.hpp>

namespace numpy_bridge {

namespace {

/// The `copy` argument of the array API standard: False, None or True.
enum class copy_mode { never, if_needed, always };

copy_mode copy_mode_of(PyObject* argument) {
    if (argument == nullptr) return copy_mode::never;
    if (argument == Py_None) return copy_mode::if_needed;
    if (PyUnicode_Check(argument) != 0) throw py::type_error("copy: expected True, False or None, got text");
    return is_true(argument, false) ? copy_mode::always : copy_mode::never;
}

/// A way to copy, and the library that makes the copy.
struct copier {
    const char* library;
    py::object (*copy)(PyObject*);
    bool takes_opaque; ///< elements that only NumPy's dtype describes
};

/// Errors of the libraries that make the copy become refusals.
py::object copied(PyObject* x, const copier& by) {
    try {
        return engine::finally_refused(x, "", [&] { return by.copy(x); });
    } catch (py::error_already_set& error) {
        const std::string text = engine::text_of_error(error);
        if (engine::is_tensor(x)) engine::refuse_tensor(x, text);
        engine::refuse(by.library, "copy", "values that can be copied", text);
    }
}

/// Columns: Python finds the block of memory behind one that its own protocols do not share, or raises the reason.
/// Empty if there is nothing to find, or, without `refuse`, if there is a reason.
py::object block_of_column(PyObject* x, bool refuse) {
    const std::string package = engine::package_of(x);
    if (package != "pandas" && package != "polars" && package != "pyarrow") return {};
    py::object block = py::module_::import("numpy_bridge.columns").attr("block_of")(py::handle(x), refuse);
    return block.is_none() ? py::object() : block;
}

/// Shares `x`, or the block of memory behind a column.
template <class Share> py::object share_block(PyObject* x, bool refuse, Share share) {
    try {
        return share(x);
    } catch (const sharing_error&) {
        const py::object block = block_of_column(x, refuse);
        if (!block || block.is(py::handle(x))) throw;
        return share(block.ptr());
    }
}

/// Whether a producer of read-only memory makes it anew for each request.
bool is_fresh(PyObject* x, const memory& lent) {
    imported again;
    import_object(x, engine::of_any_elements(engine::to_copy), again);
    return !engine::same_memory(lent, again.description);
}

/// Shares, or copies what cannot be shared. A producer that computes its values is asked at most twice: where a copy
/// will do, the one that it makes will do, and what it has once made is copied if it must be.
template <class Share> py::object share_or_copy(PyObject* x, const copier& by, Share share) {
    const engine::request to_share_or_copy{engine::hold::lasting, engine::use::writing, true, true, by.takes_opaque};
    auto lent = py::reinterpret_borrow<py::object>(x);
    try {
        if (engine::find_library(x) == nullptr) {
            lent = share_block(x, false, [&](PyObject* y) { return make_view(y, to_share_or_copy, false); });
            const memory& m = lent.cast<const view&>().description();
            if (m.readonly && is_fresh(x, m)) return copied(lent.ptr(), by); // a copy is writable
        }
        return share(lent.ptr());
    } catch (const sharing_error&) {
        return copied(lent.ptr(), by);
    }
}

/// Shares or copies as `mode` says; `share` raises sharing_error if it cannot share.
template <class Share> py::object convert(PyObject* x, copy_mode mode, const copier& by, Share share) {
    if (mode == copy_mode::always) return copied(x, by);
    if (mode == copy_mode::if_needed) return share_or_copy(x, by, share);
    return engine::finally_refused(x, "pass copy=None or copy=True to take the copy",
                                   [&] { return share_block(x, true, share); });
}

/// torch's own conversion, which also pins the storage: the fastest way for the first conversion.
/// Empty if torch refuses or copies; the general path then finds the reason. Under `no_grad` torch would
/// accept tensors that require grad, so these are tested first.
py::object first_array_of_tensor(const torch_library& torch, PyObject* x) {
    py::object array;
    if (torch.tracks_grad(x)) return {};
    try {
        array = torch.numpy(x);
    } catch (py::error_already_set& error) {
        if (!error.matches(PyExc_Exception)) throw;
        return {};
    }
    imported in;
    if (!numpy_library::get().is_exact_array(array.ptr())) return {};
    if ((reinterpret_cast<numpy_abi::array*>(array.ptr())->flags & numpy_abi::flag_own_data) != 0) return {};
    engine::import_array(array.ptr(), engine::to_locate, in);
    engine::check_inside_storage(torch, x, in.description);
    return array;
}

/// The base of the array keeps the block alive even if the tensor gets another storage, and leads to the tensor, where
/// writes are counted: torch's choice, a detached alias, the first time, then the storage and the tensor.
py::object array_of_tensor(const torch_library& torch, PyObject* x) {
    py::object storage;
    std::optional<bool> resizable = torch.layout.is_resizable(x);
    if (!resizable) {
        storage = torch.untyped_storage(x);
        resizable = torch.resizable.is_true(storage.ptr());
    }
    if (*resizable) {
        if (py::object array = first_array_of_tensor(torch, x)) return array;
        return array_of_view(make_view(x, engine::to_share, false));
    }
    if (!storage) storage = torch.untyped_storage(x);
    imported in;
    engine::describe_tensor(torch, x, engine::to_share, in);
    return numpy_library::get().new_array(in.description, py::make_tuple(std::move(storage), py::handle(x)));
}

py::object share_as_array(PyObject* x) {
    if (numpy_library::get().is_exact_array(x)) return py::reinterpret_borrow<py::object>(x);
    const torch_library* torch = torch_library::loaded();
    if (torch != nullptr && torch->is_exact_tensor(x) && torch->exchange_api() != nullptr)
        return engine::asking_torch(x, [&] { return array_of_tensor(*torch, x); });
    return array_of_view(make_view(x, to_share_any, false));
}

py::object share_as_tensor(PyObject* x, bool allow_readonly) {
    const torch_library& torch = torch_library::get();
    if (torch.is_tensor(x) && !torch.is_export_only(x)) return py::reinterpret_borrow<py::object>(x);
    imported in;
    import_object(x, engine::to_share, in);
    validate_for_torch(torch, in.description, allow_readonly);
    if (in.stream != 0) torch.wait_for(in.stream, in.description.device);
    return torch.new_tensor(in.description, in.anchored_to(x));
}

constexpr signature<4> view_signature{"view", 1, {"x", "readonly", "stream", "tree"}};
constexpr signature<4> to_numpy_signature{"to_numpy", 1, {"x", "copy", "dims", "tree"}};
constexpr signature<5> to_torch_signature{"to_torch", 1, {"x", "copy", "allow_readonly", "dims", "tree"}};

/// `made` with its axes in the order that `dims` says, over the same memory.
py::object in_order(py::object made, PyObject* dims) {
    if (dims == nullptr || dims == Py_None) return made;
    return py::module_::import("numpy_bridge.dims").attr("in_order")(made, py::handle(dims));
}

py::object call_view(const arguments<4>& given) {
    if (is_for_tree(given)) return call_for_tree<view_signature>(given);
    const bool readonly = is_true(given[1], false);
    const auto share = [&](PyObject* x) { return make_view(x, to_share_any, readonly, given[2]); };
    return engine::finally_refused(given[0], how_to_copy, [&] { return share_block(given[0], true, share); });
}

py::object call_to_numpy(const arguments<4>& given) {
    if (is_for_tree(given)) return call_for_tree<to_numpy_signature>(given);
    return in_order(convert(given[0], copy_mode_of(given[1]), {"NumPy", copy_as_array, true}, share_as_array),
                    given[2]);
}

py::object call_to_torch(const arguments<5>& given) {
    if (is_for_tree(given)) return call_for_tree<to_torch_signature>(given);
    torch_library::get(); // raises ImportError
    const bool allow_readonly = is_true(given[2], false);
    const auto share = [&](PyObject* x) { return share_as_tensor(x, allow_readonly); };
    return in_order(convert(given[0], copy_mode_of(given[1]), {"torch", copy_as_tensor, false}, share), given[3]);
}

constexpr const char* view_doc =
    R"(view(x, *, readonly=False, stream=None, tree=False)
--

view(x: object, *, readonly: bool = False, stream: typing.Any = None, tree: bool | str = False) -> View
Overloaded function.

1. view(x: object, *, readonly: bool = False, stream: typing.Any = None) -> View

Share the memory behind `x` as a View, which supports every protocol.

Nothing is copied. The owner is kept alive and its block in place: tensors on the host can no
longer be resized, bytearrays cannot grow, mmaps cannot be closed while the View lives.

Parameters
----------
x : object
    numpy.ndarray, torch.Tensor, View, or any object that supports the buffer protocol (PEP 3118, PEP
    688), DLPack, ``__array_interface__``, ``__array_struct__``, ``__cuda_array_interface__`` or
    ``__array__``, as long as it shares its own memory and not a copy. Arrays of jax,
    TensorFlow and pyarrow are immutable and come in read-only.
readonly : bool, default False
    Share the memory as read-only. Read-only memory always stays read-only.
stream : int or stream, optional
    The CUDA stream that the View is used on, instead of the one that `x` names: 1 (the legacy default stream), 2
    (that of the thread), a handle, a stream of torch or CuPy, or any object with ``__cuda_stream__``. It waits for
    pending work on `x`. The View keeps a stream object, but not the stream behind a number.

Returns
-------
View

Raises
------
SharingError
    If the memory cannot be shared; the error names protocol, field, expected, got and a hint. Also if `stream` is
    0 or negative, or `x` is not on a CUDA device.
TypeError
    If `x` supports no protocol, or `stream` is of another kind.

Examples
--------
>>> data = bytearray(b"abc")
>>> shared = bridge.view(data)
>>> memoryview(shared)[0] = ord("x")
>>> data, shared.dtype, shared.shape
(bytearray(b'xbc'), 'uint8', (3,))

2. view(x: object, *, readonly: bool = False, stream: typing.Any = None, tree: bool | str) -> typing.Any

Share every array in the nested containers `x`, or none: new containers with the results. ``tree`` is True or the
namespace of optree in which their classes are registered; see `numpy_bridge.trees`.
)";

constexpr const char* to_numpy_doc =
    R"(to_numpy(x, *, copy=False, dims=None, tree=False)
--

to_numpy(x: object, *, copy: bool | None = False, dims: str | None = None, tree: bool | str = False) -> numpy.ndarray
Overloaded function.

1. to_numpy(x: object, *, copy: bool | None = False, dims: str | None = None) -> numpy.ndarray

Share the memory behind `x` as a NumPy array.

Writes through either side are seen by the other. Read-only memory yields a read-only array. An
ndarray is returned as it is.

Parameters
----------
x : object
    Anything that `view` accepts.
copy : bool or None, default False
    False: share or raise. None: share if possible, else copy. True: always copy. A copy of a
    tensor has its values, with negation and conjugation applied, and is detached from autograd.
dims : str, optional
    The order of the axes in `x` and in the result, a letter each: "CHW->HWC". Only the strides differ.

Returns
-------
numpy.ndarray
    bfloat16 and float8 elements have the dtypes of the optional package ml_dtypes.

Raises
------
SharingError
    With ``copy=False``, if the memory cannot be shared: a tensor that requires grad, has the
    negative or conjugate bit set, is not strided, has no memory, is not on the host, or has a
    dtype that NumPy lacks. Also if `dims` does not fit the axes.
TypeError
    If `x` supports no protocol.

Examples
--------
>>> tensor = torch.zeros(3)
>>> array = bridge.to_numpy(tensor)
>>> array[0] = 7
>>> tensor.tolist()
[7.0, 0.0, 0.0]

2. to_numpy(x: object, *, copy: bool | None = False, dims: str | None = None, tree: bool | str) -> typing.Any

Convert every array in the nested containers `x`, or none: new containers with the results. ``tree`` is True or the
namespace of optree in which their classes are registered; see `numpy_bridge.trees`.
)";

constexpr const char* to_torch_doc =
    R"(to_torch(x, *, copy=False, allow_readonly=False, dims=None, tree=False)
--

to_torch(x: object, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None, tree: bool | str = False) -> torch.Tensor
Overloaded function.

1. to_torch(x: object, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None) -> torch.Tensor

Share the memory behind `x` as a torch tensor.

Writes through either side are seen by the other. A tensor is returned as it is. Imports torch if
it is not loaded yet.

Parameters
----------
x : object
    Anything that `view` accepts.
copy : bool or None, default False
    False: share or raise. None: share if possible, else copy. True: always copy.
allow_readonly : bool, default False
    Share read-only memory although every tensor can be written. Writing to the tensor is then
    undefined: the owner, or the operating system, relies on the memory not changing.
dims : str, optional
    The order of the axes in `x` and in the result, a letter each: "HWC->CHW". Only the strides differ.

Returns
-------
torch.Tensor

Raises
------
SharingError
    With ``copy=False``, if the memory cannot be shared: it is read-only, has negative strides,
    strides that are no multiple of the itemsize, elements that are not aligned to it, foreign
    byte order, or a dtype that torch lacks. Also if `dims` does not fit the axes.
TypeError
    If `x` supports no protocol.
ImportError
    If torch is not installed.

Examples
--------
>>> array = np.zeros(3, np.float32)
>>> tensor = bridge.to_torch(array)
>>> tensor += 1
>>> array.tolist()
[1.0, 1.0, 1.0]
>>> bridge.to_torch(array[::-1], copy=None).tolist()  # torch has no negative strides: a copy
[1.0, 1.0, 1.0]

2. to_torch(x: object, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None, tree: bool | str) -> typing.Any

Convert every array in the nested containers `x`, or none: new containers with the results. ``tree`` is True or the
namespace of optree in which their classes are registered; see `numpy_bridge.trees`.
)";

} // namespace

void register_convert(py::module_& module) {
    static PyMethodDef methods[] = {
        fast_method("view", fast_function<view_signature, call_view>, view_doc),
        fast_method("to_numpy", fast_function<to_numpy_signature, call_to_numpy>, to_numpy_doc),
        fast_method("to_torch", fast_function<to_torch_signature, call_to_torch>, to_torch_doc),
        {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
    module.def(
        "values_of",
        [](const py::object& x, bool readonly) {
            return make_view(x.ptr(), {engine::hold::call, engine::use::writing, true}, readonly);
        },
        py::arg("x"), py::arg("readonly") = true,
        "A View to copy from, for the moment: `x` shared but not pinned, or the copy that its producer makes.");
}

} // namespace numpy_bridge
