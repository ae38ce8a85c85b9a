#include <numpy_bridge/returned.hpp>

#include <string>

#include <numpy_bridge/arguments/translate.hpp>
#include <numpy_bridge/libraries/library.hpp>
#include <numpy_bridge/protocols/dlpack.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

NUMPY_BRIDGE_INLINE owned_memory::owned_memory(void* data, dtype type, const detail::record_type& record, bool readonly,
                                               std::vector<std::int64_t> shape, std::vector<std::int64_t> strides,
                                               owner release)
    : shape_(std::move(shape)),
      strides_(std::move(strides)),
      kept_(nullptr, {}, std::move(release)) {
    translate_refusals();
    validate_ndim(static_cast<std::int64_t>(shape_.size()), "returned");
    const auto ndim = static_cast<int>(shape_.size());
    const auto size = record ? record.itemsize : static_cast<std::int64_t>(itemsize(type));
    validate_shape(ndim, shape_.data(), size, "returned");
    if (strides_.empty()) {
        strides_.resize(shape_.size());
        fill_c_strides(ndim, shape_.data(), size, strides_.data());
    } else if (strides_.size() != shape_.size()) {
        refuse("returned", "strides", "one for each of " + std::to_string(ndim) + " dimensions",
               std::to_string(strides_.size()));
    }
    memory_ = host_memory(data, {type, byte_order::native}, readonly, ndim, nullptr, nullptr); // the vectors move
    if (record) memory_.opaque = {size, record.dtype()};
    validate(description(), "returned");
}

NUMPY_BRIDGE_INLINE void owned_memory::keep(py::handle object) { kept_.keep(object.ptr()); }

NUMPY_BRIDGE_INLINE void keep_parent(owned_memory& memory, py::handle parent) {
    if (parent) return memory.keep(parent);
    translate_refusals();
    refuse("returned", "owner", "elements whose owner is known", "elements that somebody else may free",
           "return alias(...) from a method with py::return_value_policy::reference_internal, or give it an owner");
}

NUMPY_BRIDGE_INLINE memory owned_memory::description() const noexcept {
    memory m = memory_;
    m.shape = shape_.data();
    m.strides = strides_.data();
    return m;
}

NUMPY_BRIDGE_INLINE void check_count(const std::vector<std::int64_t>& shape, std::size_t available) {
    translate_refusals();
    const auto ndim = static_cast<int>(shape.size());
    const auto count = element_count({ndim, shape.data(), nullptr, 1});
    if (!count || *count != static_cast<std::int64_t>(available))
        refuse("returned", "shape", "a shape of " + std::to_string(available) + " elements",
               text_of(shape.data(), ndim));
}

NUMPY_BRIDGE_INLINE void check_shape(const std::vector<std::int64_t>& shape,
                                     const std::vector<std::int64_t>& of_matrix) {
    if (shape == of_matrix) return;
    translate_refusals();
    refuse("returned", "shape", text_of(of_matrix.data(), static_cast<int>(of_matrix.size())),
           text_of(shape.data(), static_cast<int>(shape.size())), "call own() without a shape");
}

/// Memory without a Python object, for a library with an exchange table.
NUMPY_BRIDGE_INLINE py::object object_from_exchange(const dlpack::exchange_api& api, owned_memory&& from) {
    auto* managed = export_versioned(from.description(), from.release());
    void* object = nullptr;
    if (api.managed_tensor_to_object(managed, &object) != 0) engine::raise_pending_error();
    return py::reinterpret_steal<py::object>(static_cast<PyObject*>(object));
}

NUMPY_BRIDGE_INLINE py::object made_by(const library& row, owned_memory&& from) {
    return row.make(from.description(), from.release());
}

NUMPY_BRIDGE_INLINE py::object numpy_array_of(owned_memory&& from) { return made_by(numpy_row(), std::move(from)); }

NUMPY_BRIDGE_INLINE py::object torch_tensor_of(owned_memory&& from) { return made_by(torch_row(), std::move(from)); }

NUMPY_BRIDGE_INLINE py::object view_of(owned_memory&& from) {
    const py::object package = import_module("numpy_bridge");
    if (from.description().type.id == dtype::opaque) return package.attr("view")(numpy_array_of(std::move(from)));
    const py::object type = package.attr("View");
    const auto* api = find_exchange_api(type.ptr());
    if (api == nullptr) throw py::import_error("to_view needs a numpy_bridge with the DLPack exchange API");
    return object_from_exchange(*api, std::move(from));
}

NUMPY_BRIDGE_INLINE py::object object_like(py::handle like, owned_memory&& from) {
    if (const library* known = find_library(like.ptr()); known != nullptr && known->make != nullptr)
        return made_by(*known, std::move(from));
    if (const auto* api = find_exchange_api(type_of(like.ptr())); api != nullptr)
        return object_from_exchange(*api, std::move(from));
    const py::object library = optional_attribute(like.ptr(), "__array_namespace__");
    py::object array = numpy_array_of(std::move(from));
    return library ? py::object(library().attr("from_dlpack")(array)) : array;
}

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END
