/// torch.Tensor, import and export, without linking libtorch.
///
/// Memory is read and tensors are made through the C exchange API of torch.Tensor (DLPack 1.2). What
/// that API leaves out is asked of torch itself: negation and conjugation, autograd, and whether the
/// storage can still be resized.
#pragma once

#include <atomic>
#include <bitset>
#include <memory>
#include <string>

#include <numpy_bridge/dtype_reasons.hpp>
#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>
#include <numpy_bridge/python.hpp>

namespace numpy_bridge {

namespace detail {

/// An attribute of a C type, called without arguments and without Python's call machinery where that is
/// possible: a method through its C function, a property through its C getter.
class c_attribute {
public:
    c_attribute(py::handle type, const char* name) : descriptor_(py::object(type.attr(name)).release().ptr()) {
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

    /// The method's result, or the property's value, for `self`.
    py::object operator()(PyObject* self) const {
        if (function_ != nullptr) return stolen(function_(self, nullptr));
        if (keyword_function_ != nullptr) return stolen(keyword_function_(self, no_arguments_, nullptr));
        if (property_ != nullptr) return stolen(property_->get(self, property_->closure));
        return stolen(PyObject_CallOneArg(descriptor_, self));
    }

    bool is_true(PyObject* self) const { return operator()(self).ptr() == Py_True; }

private:
    PyObject* descriptor_; // kept for the life of the process, as is the empty tuple
    PyObject* no_arguments_ = nullptr;
    PyCFunction function_ = nullptr;
    PyCFunctionWithKeywords keyword_function_ = nullptr;
    const PyGetSetDef* property_ = nullptr;
};

} // namespace detail

/// What is needed of the torch that this process runs.
class torch_library {
public:
    /// The library if the process has imported torch already, else null. Never imports it.
    static const torch_library* loaded() {
        if (const auto* ready = instance().load(std::memory_order_acquire)) return ready;
        const py::object module = detail::imported_module("torch");
        if (!module) return nullptr;
        try {
            return publish(std::unique_ptr<const torch_library>(new torch_library(module)));
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_AttributeError)) throw;
            return nullptr; // torch is being imported just now
        }
    }

    /// The library, importing torch if need be. Raises ImportError where it is not installed.
    static const torch_library& get() {
        if (const auto* ready = loaded()) return *ready;
        try {
            py::module_::import("torch");
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_ModuleNotFoundError)) throw;
            py::raise_from(error, PyExc_ImportError,
                           "torch is not installed; install it with: pip install 'numpy-bridge[torch]'");
            throw py::error_already_set();
        }
        if (const auto* ready = loaded()) return *ready;
        throw py::import_error("torch is only partly imported");
    }

    bool is_tensor(PyObject* x) const noexcept { return PyObject_TypeCheck(x, tensor_base_) != 0; }
    bool is_exact_tensor(PyObject* x) const noexcept {
        return Py_TYPE(x) == tensor_type_ || Py_TYPE(x) == parameter_type_;
    }
    bool has_dtype(dtype id) const noexcept { return dtypes_[static_cast<std::size_t>(id)]; }

    /// Null for torch versions without the exchange API.
    const dlpack::exchange_api* exchange_api() const noexcept { return api_; }

    /// False for torch's integers of less than a byte, which its DLPack export passes off as whole bytes.
    bool has_whole_bytes(PyObject* x, dlpack::data_type seen) const {
        if (seen.code > dlpack::type_code::unsigned_integer || seen.bits != 8) return true;
        const py::object type = dtype(x);
        return type.ptr() == int8_ || type.ptr() == uint8_;
    }

    /// Of torch.Tensor; `numpy` marks the storage as not resizable for good.
    const detail::c_attribute is_neg, is_conj, requires_grad, untyped_storage, numpy, dtype;

    /// Of storages.
    const detail::c_attribute resizable, data_ptr;

    /// Pins a storage whatever the dtype of the tensors over it.
    void pin_storage(const py::object& storage) const {
        const py::object bytes = empty_bytes_().attr("set_")(storage);
        numpy(bytes.ptr());
    }

    /// A tensor over `m` that holds `keep` until torch lets go of its storage.
    py::object new_tensor(const memory& m, anchor keep) const {
        // A function of the table that fails leaves open who owns the tensor, a capsule does not.
        const bool surely_taken = m.device.type == device_type::cpu || m.device.type == device_type::cuda;
        if (api_ == nullptr || !surely_taken) return new_tensor_by_capsule(m, std::move(keep));
        auto* managed = export_versioned(m, std::move(keep));
        managed->flags = 0; // the caller has agreed to a writable tensor
        if (is_c_contiguous(layout_of(m))) {
            managed->version.minor = 1;        // before DLPack 1.2 null strides mean C order,
            managed->tensor.strides = nullptr; // which spares torch a tenth of its work
        }
        void* tensor = nullptr;
        if (api_->managed_tensor_to_object(managed, &tensor) != 0) // torch may own it already: never free it twice
            detail::refuse("torch", "device", "one that this torch has", name_of(m.device),
                           detail::text_of_pending_error());
        return py::reinterpret_steal<py::object>(static_cast<PyObject*>(tensor));
    }

    /// Waits until the work on memory at `where` that was given to `stream` (counted as in `imported`) is done,
    /// unless torch's own current stream comes after it anyway.
    PYBIND11_NOINLINE void wait_for(std::uintptr_t stream, device where) const {
        if (api_ != nullptr && detail::work_stream(*api_, where) == stream) return;
        const py::object cuda = py::handle(torch_).attr("cuda");
        cuda.attr("ExternalStream")(stream, py::arg("device") = where.index).attr("synchronize")();
    }

private:
    explicit torch_library(const py::object& torch)
        : is_neg(torch.attr("_C").attr("TensorBase"), "is_neg"),
          is_conj(torch.attr("_C").attr("TensorBase"), "is_conj"),
          requires_grad(torch.attr("_C").attr("TensorBase"), "requires_grad"),
          untyped_storage(torch.attr("_C").attr("TensorBase"), "untyped_storage"),
          numpy(torch.attr("_C").attr("TensorBase"), "numpy"),
          dtype(torch.attr("_C").attr("TensorBase"), "dtype"),
          resizable(torch.attr("_C").attr("StorageBase"), "resizable"),
          data_ptr(torch.attr("_C").attr("StorageBase"), "data_ptr"),
          tensor_base_(as_type(torch.attr("_C").attr("TensorBase"))),
          tensor_type_(as_type(torch.attr("Tensor"))),
          parameter_type_(as_type(torch.attr("nn").attr("Parameter"))),
          api_(complete(find_exchange_api(torch.attr("Tensor").ptr()))),
          torch_(torch.inc_ref().ptr()),
          int8_(py::object(torch.attr("int8")).release().ptr()),
          uint8_(py::object(torch.attr("uint8")).release().ptr()) {
        for (const dtype_info& row : dtype_table)
            dtypes_[static_cast<std::size_t>(row.id)] = py::hasattr(torch, row.name);
    }

    /// The table, if it has the optional function that we read tensors with.
    static const dlpack::exchange_api* complete(const dlpack::exchange_api* api) {
        return api != nullptr && api->tensor_from_object != nullptr ? api : nullptr;
    }

    static PyTypeObject* as_type(py::object type) { return reinterpret_cast<PyTypeObject*>(type.release().ptr()); }

    py::object empty_bytes_() const {
        const py::handle torch(torch_);
        return torch.attr("empty")(0, py::arg("dtype") = torch.attr("uint8"), py::arg("device") = "cpu");
    }

    py::object new_tensor_by_capsule(const memory& m, anchor keep) const {
        const py::object capsule = export_unversioned_capsule(m, std::move(keep));
        try {
            return py::handle(torch_).attr("utils").attr("dlpack").attr("from_dlpack")(capsule);
        } catch (py::error_already_set& error) {
            detail::refuse("torch", "device", "one that this torch has", name_of(m.device),
                           detail::text_of_error(error));
        }
    }

    static std::atomic<const torch_library*>& instance() {
        static std::atomic<const torch_library*> pointer{nullptr};
        return pointer;
    }

    /// Several threads may get here at once; the first one's library stays, for good.
    static const torch_library* publish(std::unique_ptr<const torch_library> fresh) {
        const torch_library* expected = nullptr;
        if (instance().compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel))
            return fresh.release();
        return expected;
    }

    // References below are kept for the life of the process.
    PyTypeObject* tensor_base_;
    PyTypeObject* tensor_type_;
    PyTypeObject* parameter_type_;
    const dlpack::exchange_api* api_;
    PyObject* torch_;
    PyObject* int8_;
    PyObject* uint8_;
    std::bitset<dtype_table.size()> dtypes_;
};

namespace detail {

/// A property of a tensor that makes its memory unshareable, and what to do about it.
struct tensor_obstacle {
    const char* attribute; ///< a boolean property or method without arguments
    const char* expected;
    const char* hint;
};

inline constexpr tensor_obstacle tensor_obstacles[] = {
    {"is_meta", "a tensor with memory",
     "a meta tensor has a shape but no values; make a real one: torch.empty_like(t, device='cpu')"},
    {"is_sparse", "a strided tensor",
     "share its parts, t.indices() and t.values(), or make a dense copy: t.to_dense()"},
    {"is_sparse_csr", "a strided tensor",
     "share its parts, t.values() and its indices, or make a dense copy: t.to_dense()"},
    {"is_mkldnn", "a strided tensor", "make a dense copy: t.to_dense()"},
    {"is_nested", "a strided tensor", "share its components one by one: t.unbind()"},
    {"is_quantized", "a tensor of plain numbers",
     "share the stored integers, t.int_repr(), or make a float copy: t.dequantize()"},
    {"requires_grad", "a tensor that does not require grad",
     "writes through an alias are invisible to autograd; share t.detach() if that is fine"},
    {"is_neg", "a tensor without the negative bit",
     "its memory holds the negated values; make a copy: t.resolve_neg()"},
    {"is_conj", "a tensor without the conjugate bit",
     "its memory holds the conjugated values; make a copy: t.resolve_conj()"},
};

inline bool tensor_flag(py::handle tensor, const char* name) {
    try {
        const py::object value = tensor.attr(name);
        return (PyCallable_Check(value.ptr()) != 0 ? value() : value).ptr() == Py_True;
    } catch (py::error_already_set&) {
        return false; // kinds of tensors that cannot even be asked
    }
}

/// Says why `tensor` cannot be shared: the first obstacle found, else torch's own words.
[[noreturn]] inline void refuse_tensor(py::handle tensor, const std::string& otherwise) {
    for (const auto& [attribute, expected, hint] : tensor_obstacles)
        if (tensor_flag(tensor, attribute))
            refuse("torch", attribute, expected, std::string(attribute) + " = True", hint);
    const auto layout = py::str(py::getattr(tensor, "layout", py::str("unknown"))).cast<std::string>();
    if (layout != "torch.strided")
        refuse("torch", "layout", "torch.strided", layout, "make a dense copy: t.to_dense()");
    const std::string dtype = to_text(py::getattr(tensor, "dtype", py::str(""))),
                      name = dtype.substr(dtype.find('.') + 1);
    if (!from_name(name) && hint_for_name(name)[0] != 0)
        refuse("torch", "dtype", "a dtype in the dtype table", dtype, hint_for_name(name));
    refuse("torch", "memory", "a strided tensor of numbers with memory of its own",
           type_name(tensor) + ": " + otherwise,
           "share the tensor itself rather than what vmap, grad and the like make of it; for odd dtypes its bytes: "
           "t.view(torch.uint8)");
}

[[noreturn]] inline void refuse_tensor_without_memory(py::handle tensor, const dlpack::tensor& seen) {
    refuse("torch", "data", "a pointer to memory",
           "NULL for a " + type_name(tensor) + " of shape " + text_of(seen.shape, seen.ndim),
           "fake, functional, wrapped and emptied tensors have a shape but no memory; share the real tensor");
}

/// Reads the tensor's fields without taking ownership. The result points into the tensor.
inline dlpack::tensor read_tensor(const torch_library& torch, PyObject* x) {
    dlpack::tensor seen{};
    if (torch.exchange_api()->tensor_from_object(x, &seen) != 0) refuse_tensor(x, text_of_pending_error());
    const layout extents{seen.ndim, seen.shape, nullptr, 1};
    if (seen.data == nullptr && element_count(extents) != 0) refuse_tensor_without_memory(x, seen);
    return seen;
}

/// Refuses memory that reaches beyond its storage. torch leaves the new shape on a tensor whose storage
/// refused to grow, and a storage can be cut under its tensors.
inline void check_inside_storage(const torch_library& torch, const memory& m, const py::object& storage) {
    const byte_bounds bounds = bounds_of(layout_of(m)).value_or(byte_bounds{});
    if (bounds.high == 0) return;
    const Py_ssize_t size = PyObject_Size(storage.ptr());
    const py::object address = torch.data_ptr(storage.ptr());
    const auto* start = static_cast<const std::byte*>(PyLong_AsVoidPtr(address.ptr()));
    if (m.data + bounds.low < start || m.data + bounds.high > start + size)
        refuse("torch", "storage", "room for shape " + text_of(m.shape, m.ndim), std::to_string(size) + " bytes",
               "a resize_ that failed has left a wrong shape on this tensor; make a new one");
}

/// Describes what `read_tensor` saw, with extents of its own, and then checks what the exchange API
/// leaves out: that the values in memory are the tensor's values and that autograd does not track it.
/// Asking lets other threads run, so it comes last.
inline void describe_tensor(const torch_library& torch, PyObject* x, const dlpack::tensor& seen,
                            const py::object& storage, imported& out) {
    describe_dlpack(seen, false, out);
    check_inside_storage(torch, out.description, storage);
    const bool complex = seen.dtype.code == dlpack::type_code::complex;
    if (torch.requires_grad.is_true(x) || torch.is_neg.is_true(x) || (complex && torch.is_conj.is_true(x)))
        refuse_tensor(x, "");
    if (!torch.has_whole_bytes(x, seen.dtype)) refuse_tensor(x, "elements of less than a byte");
    out.stream = work_stream(*torch.exchange_api(), out.description.device);
}

/// Holds the storage rather than the tensor, which `set_` and `.data =` can re-point. From taking hold
/// of it to copying the extents no Python code runs, so the two belong together.
inline void share_tensor(const torch_library& torch, PyObject* x, purpose why, imported& out) {
    py::object storage = torch.untyped_storage(x);
    const bool to_pin = why == purpose::share && host_accessible(read_tensor(torch, x).device);
    if (to_pin && torch.resizable.is_true(storage.ptr())) {
        torch.pin_storage(storage);
        storage = torch.untyped_storage(x); // pinning ran Python
        if (torch.resizable.is_true(storage.ptr()))
            refuse("torch", "storage", "one that can be pinned", "one that stays resizable");
    }
    describe_tensor(torch, x, read_tensor(torch, x), storage, out);
    out.pin = std::move(storage);
}

/// Addresses only: no check of values, no pin.
inline void locate_tensor(const torch_library& torch, PyObject* x, imported& out) {
    out.pin = torch.untyped_storage(x); // so that the addresses stay taken until they are compared
    describe_dlpack(read_tensor(torch, x), false, out);
}

/// For torch versions without the exchange API: a capsule of a detached alias, which `set_` on the
/// original cannot re-point.
inline void import_tensor_by_capsule(const torch_library& torch, PyObject* x, purpose why, imported& out) {
    py::object alias = py::handle(x).attr("detach")();
    const bool conjugated = torch.is_conj.is_true(x);
    if (why != purpose::locate) {
        if (conjugated || torch.requires_grad.is_true(x) || torch.is_neg.is_true(x)) refuse_tensor(x, "");
        const py::object storage = torch.untyped_storage(alias.ptr());
        const bool to_pin = why == purpose::share && tensor_flag(alias, "is_cpu");
        if (to_pin && torch.resizable.is_true(storage.ptr())) torch.pin_storage(storage);
    } else if (conjugated) {
        alias = alias.attr("conj")(); // the same memory, which torch then agrees to export
    }
    try {
        import_dlpack(alias.ptr(), why, out);
    } catch (const sharing_error& error) {
        if (error.why().field == "data") throw;
        refuse_tensor(x, error.why().got);
    }
    if (why != purpose::locate && !torch.has_whole_bytes(x, info(out.description.type.id).dlpack))
        refuse_tensor(x, "elements of less than a byte");
    out.pin = std::move(alias);
}

} // namespace detail

/// Imports a torch.Tensor or a subclass with memory of its own. False if torch is not loaded or `x`
/// is no tensor. For `purpose::share` raises sharing_error where the values in memory are not the
/// tensor's values (negative or conjugate bit) or where autograd would miss writes.
inline bool import_tensor(PyObject* x, purpose why, imported& out) {
    const torch_library* torch = torch_library::loaded();
    if (torch == nullptr || !torch->is_tensor(x)) return false;
    try {
        if (torch->exchange_api() == nullptr) detail::import_tensor_by_capsule(*torch, x, why, out);
        else if (why == purpose::locate) detail::locate_tensor(*torch, x, out);
        else detail::share_tensor(*torch, x, why, out);
    } catch (py::error_already_set& error) {
        detail::refuse_tensor(x, detail::text_of_error(error));
    }
    return true;
}

/// Refuses memory that torch cannot take, before torch sees it: some of it would abort the process.
inline void validate_for_torch(const torch_library& torch, const memory& m, bool allow_readonly) {
    if (m.device.type == device_type::opencl) // torch crashes on it
        detail::refuse("torch", "device", "one that this torch has", name_of(m.device),
                       "let its own library copy it to the host first");
    if (m.readonly && !allow_readonly)
        detail::refuse("torch", "readonly", "writable memory, as every tensor can be written", "read-only memory",
                       "pass copy=True, or allow_readonly=True and never write to the tensor");
    if (!torch.has_dtype(m.type.id))
        detail::refuse("torch", "dtype", "a dtype that this torch has", name_of(m.type), "share its bytes as uint8");
    detail::validate_for_dlpack(m, "torch");
}

} // namespace numpy_bridge
