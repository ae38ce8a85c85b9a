/// Returns memory from C++ to Python as an array, without a copy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <numpy_bridge/arguments/array_argument.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// A block of memory with its shape and what frees it: `owned` without its element type.
class owned_memory {
public:
    /// Strides are in bytes; none are those of C order. `record` is that of elements without a row in the table.
    owned_memory(void* data, dtype type, const detail::record_type& record, bool readonly,
                 std::vector<std::int64_t> shape, std::vector<std::int64_t> strides, owner release);

    /// The memory that Python will use.
    memory description() const noexcept;

    /// Keeps a Python object alive, too, as long as the memory is used. Needs the GIL.
    void keep(py::handle object);

    /// Transfers ownership of the memory.
    anchor release() noexcept { return std::move(kept_); }

private:
    memory memory_;
    std::vector<std::int64_t> shape_, strides_;
    anchor kept_;
};

/// Keeps `parent`; raises sharing_error if it is null.
void keep_parent(owned_memory& memory, py::handle parent);

/// Refuses a shape of another number of elements than `available`.
void check_count(const std::vector<std::int64_t>& shape, std::size_t available);

/// Refuses another shape than that of a matrix.
void check_shape(const std::vector<std::int64_t>& shape, const std::vector<std::int64_t>& of_matrix);

py::object numpy_array_of(owned_memory&& from);
py::object torch_tensor_of(owned_memory&& from);
py::object view_of(owned_memory&& from);
py::object object_like(py::handle like, owned_memory&& from);

} // namespace engine

/// A block of memory with its shape and what frees it, on its way to Python. Returned from a bound
/// function it becomes a NumPy array; `to_numpy`, `to_torch`, `to_view` and `to_library_of` choose.
/// `const T` makes read-only arrays.
template <class T> class owned : public engine::owned_memory {
public:
    /// `data` holds elements of the given shape in C order, and `release` frees it. Raises
    /// sharing_error for impossible shapes, and frees `data` then as well.
    owned(T* data, std::vector<std::int64_t> shape, owner release, std::vector<std::int64_t> byte_strides = {})
        : owned_memory(const_cast<std::remove_const_t<T>*>(data), element<std::remove_const_t<T>>::id,
                       detail::element_types<std::remove_const_t<T>>::record, std::is_const_v<T>, std::move(shape),
                       std::move(byte_strides), std::move(release)) {}
};

/// Elements of an object that Python holds, such as a member of a bound class. See `alias`.
template <class T> class aliased {
public:
    aliased(T* data, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides, py::handle owner)
        : memory_(data, std::move(shape), {}, in_bytes(std::move(strides))),
          has_owner_(owner) {
        if (has_owner_) memory_.keep(owner);
    }

    /// The memory, kept alive by the owner or else by `parent`. Raises sharing_error if there is neither.
    owned<T> kept_by(py::handle parent) && {
        if (!has_owner_) engine::keep_parent(memory_, parent);
        return std::move(memory_);
    }

private:
    static std::vector<std::int64_t> in_bytes(std::vector<std::int64_t> strides) {
        for (std::int64_t& each : strides) each *= static_cast<std::int64_t>(sizeof(T));
        return strides;
    }

    owned<T> memory_;
    bool has_owner_;
};

/// Elements that belong to somebody else, as an array without a copy. `owner` is the Python object that keeps them
/// alive and in place. Without one it is the object whose method or property returns the array: pybind11's
/// `return_value_policy::reference_internal`, the default of properties. Everything else raises sharing_error: the
/// array would outlive the elements. Strides count elements; none are those of C order. Needs the GIL.
///
///     .def_property_readonly("matrix", [](Pose& pose) { return alias(pose.matrix, {4, 4}); })
template <class T>
aliased<T> alias(T* data, std::vector<std::int64_t> shape, std::vector<std::int64_t> strides = {},
                 py::handle owner = {}) {
    return {data, std::move(shape), std::move(strides), owner};
}

namespace detail {

template <class T> owner owner_of(std::unique_ptr<T> kept) {
    return {kept.release(), [](void* context) { delete static_cast<T*>(context); }};
}

} // namespace detail

namespace detail {

template <class C, class = void> struct is_matrix : std::false_type {};
template <class C>
struct is_matrix<C, std::void_t<decltype(std::declval<C&>().rows(), std::declval<C&>().cols())>> : std::true_type {};

template <class C, class = void> struct is_tensor_of_eigen : std::false_type {};
template <class C>
struct is_tensor_of_eigen<C, std::void_t<decltype(std::declval<C&>().dimensions())>> : std::true_type {};

} // namespace detail

/// How the elements of a container lie in its memory: `shape(container)`, and `strides(container)` in elements, none
/// for C order. Containers are one-dimensional, except those that have a specialisation.
template <class Container, class = void> struct container_layout {
    static_assert(!detail::is_matrix<Container>::value && !detail::is_tensor_of_eigen<Container>::value,
                  "own() does not know the order of this matrix: include numpy_bridge/eigen.hpp for those of Eigen, or "
                  "specialise container_layout");
    static constexpr bool is_linear = true;
    static std::vector<std::int64_t> shape(const Container& c) { return {static_cast<std::int64_t>(c.size())}; }
    static std::vector<std::int64_t> strides(const Container& /*c*/) { return {}; }
};

/// Takes over a contiguous container (std::vector, std::array, ...). Without a shape the array is
/// one-dimensional. With `numpy_bridge/eigen.hpp`, matrices of Eigen keep their shape and order. Raises sharing_error,
/// a BufferError in Python, if shape and size differ.
template <class Container, class T = std::remove_reference_t<decltype(*std::declval<Container&>().data())>>
owned<T> own(Container&& container, std::optional<std::vector<std::int64_t>> shape = std::nullopt) {
    using in_memory = container_layout<std::decay_t<Container>>;
    static_assert(!std::is_lvalue_reference_v<Container>, "own() takes the container over: pass std::move(container)");
    std::vector<std::int64_t> strides = in_memory::strides(container);
    if (!shape) shape = in_memory::shape(container);
    else if constexpr (in_memory::is_linear) engine::check_count(*shape, static_cast<std::size_t>(container.size()));
    else engine::check_shape(*shape, in_memory::shape(container));
    for (std::int64_t& each : strides) each *= static_cast<std::int64_t>(sizeof(T));
    auto kept = std::make_unique<std::decay_t<Container>>(std::forward<Container>(container));
    T* data = kept->data();
    return owned<T>(data, *std::move(shape), detail::owner_of(std::move(kept)), std::move(strides));
}

/// The same for a shape in braces: `own(std::move(values), {rows, columns})`.
template <class Container, class T = std::remove_reference_t<decltype(*std::declval<Container&>().data())>>
owned<T> own(Container&& container, std::initializer_list<std::int64_t> shape) {
    return own(std::forward<Container>(container), std::optional<std::vector<std::int64_t>>(shape));
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

/// A torch tensor; signatures of functions that return it say so.
class tensor_object : public py::object {
public:
    explicit tensor_object(py::object tensor) noexcept : py::object(std::move(tensor)) {}
};

/// A NumPy array over the memory. Raises sharing_error for dtypes that NumPy lacks.
template <class T> py::object to_numpy(owned<T> from) { return engine::numpy_array_of(std::move(from)); }

/// A torch tensor over the memory. Imports torch; raises sharing_error for dtypes that it lacks and for
/// const elements, because tensors are always writable.
template <class T> tensor_object to_torch(owned<T> from) {
    return tensor_object(engine::torch_tensor_of(std::move(from)));
}

/// A `numpy_bridge.View` of the memory. Imports numpy_bridge, which must be installed.
template <class T> py::object to_view(owned<T> from) { return engine::view_of(std::move(from)); }

/// An array of the library that `like` belongs to: its exchange API or `from_dlpack` takes the memory over. NumPy's
/// for buffers and other objects whose library cannot be found.
template <class T> py::object to_library_of(py::handle like, owned<T> from) {
    return engine::object_like(like, std::move(from));
}

template <class Spec, class T> py::object to_library_of(const array_argument<Spec>& like, owned<T> from) {
    return to_library_of(like.object(), std::move(from));
}

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/returned.cpp"
#endif
