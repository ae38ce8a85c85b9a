/// Memory made in C++ becomes an array of the caller's choosing, without a copy.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <numpy_bridge/arguments/array_argument.hpp>
#include <numpy_bridge/arguments/translate.hpp>
#include <numpy_bridge/import.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

/// A block of memory with its shape and what frees it, on its way to Python. Returned from a bound
/// function it becomes a NumPy array; `to_numpy`, `to_torch`, `to_view` and `to_library_of` choose.
/// `const T` makes read-only arrays.
template <class T> class owned {
public:
    /// `data` holds elements of the given shape in C order, and `release` frees it. Raises
    /// sharing_error for impossible shapes; nothing is lost then: `release` still frees `data`.
    owned(T* data, std::vector<std::int64_t> shape, owner release)
        : shape_(std::move(shape)),
          owner_(std::move(release)) {
        detail::translate_refusals();
        validate_ndim(static_cast<std::int64_t>(shape_.size()), "owned");
        strides_.resize(shape_.size());
        const auto size = static_cast<std::int64_t>(sizeof(T));
        validate_shape(ndim(), shape_.data(), size, "owned");
        fill_c_strides(ndim(), shape_.data(), size, strides_.data());
        memory_.data = reinterpret_cast<std::byte*>(const_cast<std::remove_const_t<T>*>(data));
        memory_.type = {element<std::remove_const_t<T>>::id, byte_order::native};
        memory_.readonly = std::is_const_v<T>;
        memory_.ndim = ndim();
        validate(description(), "owned");
    }

    /// What Python is going to see.
    memory description() const noexcept {
        memory m = memory_;
        m.shape = shape_.data();
        m.strides = strides_.data();
        return m;
    }

    /// Hands over the duty to free the memory.
    owner release() noexcept { return std::move(owner_); }

private:
    int ndim() const noexcept { return static_cast<int>(shape_.size()); }

    memory memory_;
    std::vector<std::int64_t> shape_, strides_;
    owner owner_;
};

namespace detail {

template <class T> owner owner_of(std::unique_ptr<T> kept) {
    return {kept.release(), [](void* context) { delete static_cast<T*>(context); }};
}

inline void check_count(const std::vector<std::int64_t>& shape, std::size_t available) {
    translate_refusals();
    const auto ndim = static_cast<int>(shape.size());
    const auto count = element_count({ndim, shape.data(), nullptr, 1});
    if (!count || *count != static_cast<std::int64_t>(available))
        refuse("owned", "shape", std::to_string(available) + " elements", text_of(shape.data(), ndim));
}

} // namespace detail

/// Takes over a contiguous container (std::vector, std::array, ...). Without a shape the array is
/// one-dimensional. Raises sharing_error, a BufferError in Python, where shape and size differ.
template <class Container, class T = std::remove_reference_t<decltype(*std::declval<Container&>().data())>>
owned<T> own(Container&& container, std::optional<std::vector<std::int64_t>> shape = std::nullopt) {
    static_assert(!std::is_lvalue_reference_v<Container>, "own() takes the container over: pass std::move(container)");
    const std::size_t size = container.size();
    if (!shape) shape.emplace(1, static_cast<std::int64_t>(size));
    detail::check_count(*shape, size);
    auto kept = std::make_unique<Container>(std::forward<Container>(container));
    T* data = kept->data();
    return owned<T>(data, *std::move(shape), detail::owner_of(std::move(kept)));
}

/// Takes over an array of `shape`'s number of elements.
template <class T, class Deleter> owned<T> own(std::unique_ptr<T[], Deleter> array, std::vector<std::int64_t> shape) {
    auto kept = std::make_unique<std::unique_ptr<T[], Deleter>>(std::move(array));
    T* data = kept->get();
    return owned<T>(data, std::move(shape), detail::owner_of(std::move(kept)));
}

/// Takes over `data`, which `deleter(data)` frees: once, on any thread, maybe without the GIL. It must not throw.
template <class T, class Deleter> owned<T> own(T* data, std::vector<std::int64_t> shape, Deleter deleter) {
    auto kept = std::make_unique<std::unique_ptr<T, Deleter>>(data, std::move(deleter));
    return owned<T>(data, std::move(shape), detail::owner_of(std::move(kept)));
}

namespace detail {

/// Memory without a Python object, ready for DLPack.
template <class T> dlpack::managed_tensor_versioned* managed(owned<T>&& from) {
    const memory m = from.description();
    return export_versioned(m, anchor(nullptr, {}, from.release()));
}

inline py::object object_from_exchange(const dlpack::exchange_api& api, dlpack::managed_tensor_versioned* tensor) {
    void* object = nullptr;
    if (api.managed_tensor_to_object(tensor, &object) != 0) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(static_cast<PyObject*>(object));
}

} // namespace detail

/// A NumPy array over the memory. Raises sharing_error for dtypes that NumPy lacks.
template <class T> py::object to_numpy(owned<T> from) {
    const memory m = from.description();
    return numpy_library::get().new_array(m, detail::capsule_over(anchor(nullptr, {}, from.release())));
}

/// A torch tensor over the memory. Imports torch; raises sharing_error for dtypes that it lacks and for
/// const elements, as every tensor can be written.
template <class T> py::object to_torch(owned<T> from) {
    const torch_library& torch = torch_library::get();
    const memory m = from.description();
    validate_for_torch(torch, m, false);
    return torch.new_tensor(m, anchor(nullptr, {}, from.release()));
}

/// A `numpy_bridge.View` of the memory. Imports numpy_bridge, which must be installed.
template <class T> py::object to_view(owned<T> from) {
    const py::object type = py::module_::import("numpy_bridge").attr("View");
    const auto* api = find_exchange_api(type.ptr());
    if (api == nullptr) throw py::import_error("to_view needs a numpy_bridge with the DLPack exchange API");
    return detail::object_from_exchange(*api, detail::managed(std::move(from)));
}

/// An array of the library that `like` belongs to: its exchange API or `from_dlpack` takes the memory over. NumPy's
/// for buffers and other objects whose library cannot be found.
template <class T> py::object to_library_of(py::handle like, owned<T> from) {
    if (const engine::library* known = engine::find_library(like.ptr()); known != nullptr && known->make != nullptr) {
        const memory m = from.description();
        return known->make(m, anchor(nullptr, {}, from.release()));
    }
    if (const auto* api = find_exchange_api(py::type::handle_of(like).ptr()); api != nullptr)
        return detail::object_from_exchange(*api, detail::managed(std::move(from)));
    const py::object library = detail::optional_attribute(like.ptr(), "__array_namespace__");
    py::object array = to_numpy(std::move(from));
    return library ? py::object(library().attr("from_dlpack")(array)) : array;
}

template <class Spec, class T> py::object to_library_of(const array_argument<Spec>& like, owned<T> from) {
    return to_library_of(like.object(), std::move(from));
}

NUMPY_BRIDGE_NAMESPACE_END

namespace pybind11::detail {

/// Returned from a function it becomes a NumPy array.
template <class T> struct type_caster<numpy_bridge::owned<T>> {
    static constexpr auto name = const_name("numpy.ndarray");

    static handle cast(numpy_bridge::owned<T>&& from, return_value_policy, handle) {
        return numpy_bridge::to_numpy(std::move(from)).release();
    }
};

} // namespace pybind11::detail
