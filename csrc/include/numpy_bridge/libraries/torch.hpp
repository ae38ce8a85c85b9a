/// The torch that this process runs, without linking libtorch, and tensors made over our memory.
///
/// torch is reached through the C exchange API of torch.Tensor (DLPack 1.2) and the C functions behind
/// its attributes. `torch_tensor.hpp` imports tensors.
#pragma once

#include <atomic>
#include <bitset>
#include <memory>
#include <string>

#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/libraries/torch_layout.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

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

} // namespace engine

/// What is needed of the torch that this process runs.
class torch_library {
public:
    /// The library if the process has imported torch already, else null. Never imports it.
    static const torch_library* loaded() {
        if (const auto* ready = instance().load(std::memory_order_acquire)) return ready;
        const py::object module = engine::imported_module("torch");
        if (!module) return nullptr;
        try {
            return publish(std::unique_ptr<const torch_library>(new torch_library(module)));
        } catch (py::error_already_set& error) {
            if (!error.matches(PyExc_AttributeError)) throw;
            return nullptr; // torch is being imported just now
        }
    }

    /// The same if `loaded` has been asked before, else null: nothing is looked up.
    static const torch_library* known() noexcept { return instance().load(std::memory_order_acquire); }

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
    const engine::c_attribute is_neg, is_conj, requires_grad, untyped_storage, numpy, dtype;

    /// Of storages.
    const engine::c_attribute resizable, data_ptr;

    /// The quick way to the answers of most of these.
    const torch_layout layout;

    /// `x.requires_grad`.
    bool tracks_grad(PyObject* x) const {
        return !(layout.known() && layout.is_untracked(x)) && requires_grad.is_true(x);
    }

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
            refuse_as_torch_does(m, engine::text_of_pending_error());
        return py::reinterpret_steal<py::object>(static_cast<PyObject*>(tensor));
    }

    /// Lets what torch's current stream is given from now on come after the work on memory at `where` that was given to
    /// `stream` (counted as in `imported`). The host waits for neither.
    PYBIND11_NOINLINE void wait_for(std::uintptr_t stream, device where) const {
        if (api_ != nullptr && engine::work_stream(*api_, where) == stream) return;
        const py::object cuda = py::handle(torch_).attr("cuda");
        const py::object given = stream == engine::legacy_default_stream // which ExternalStream does not take
                                     ? cuda.attr("default_stream")(where.index)
                                     : cuda.attr("ExternalStream")(stream, py::arg("device") = where.index);
        cuda.attr("current_stream")(where.index).attr("wait_stream")(given);
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
          layout(torch_layout::find(torch)),
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

    /// torch's words for memory in which nothing wrong was seen: most often a device that it was built without.
    [[noreturn]] static void refuse_as_torch_does(const memory& m, const std::string& words) {
        if (m.device.type == device_type::cpu) engine::refuse("torch", "memory", "what torch can take", words);
        engine::refuse("torch", "device", "one that this torch has", name_of(m.device), words);
    }

    py::object new_tensor_by_capsule(const memory& m, anchor keep) const {
        const py::object capsule = export_unversioned_capsule(m, std::move(keep));
        try {
            return py::handle(torch_).attr("utils").attr("dlpack").attr("from_dlpack")(capsule);
        } catch (py::error_already_set& error) {
            refuse_as_torch_does(m, engine::text_of_error(error));
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

/// Refuses memory that torch cannot take, before torch sees it: some of it would abort the process.
void validate_for_torch(const torch_library& torch, const memory& m, bool allow_readonly);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/torch.cpp"
#endif
