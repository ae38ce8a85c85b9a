/// DLPack, import and export: versioned and unversioned capsules, and the C exchange API.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <numpy_bridge/dlpack.hpp>
#include <numpy_bridge/imported.hpp>
#include <numpy_bridge/python.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// Calls the tensor's deleter. The caller keeps the producing object alive until then: some
/// objects hold the struct itself.
template <class Managed> void release_dlpack(void* context) {
    const release_scope scope;
    auto* managed = static_cast<Managed*>(context);
    if (scope.usable() && managed->deleter != nullptr) managed->deleter(managed);
}

/// Reads a DLTensor and validates all of its fields. Keeps no pointer to it. Strides become bytes.
void describe_dlpack(const dlpack::tensor& t, bool readonly, imported& out);

/// Takes ownership of a versioned tensor. Of another major version only the deleter is called.
void import_managed(dlpack::managed_tensor_versioned* managed, const request& wanted, imported& out);

/// Whether a producer that describes `now` still has the elements of `was` at their address.
bool is_at(const dlpack::tensor& now, const memory& was) noexcept;

inline constexpr std::uintptr_t legacy_default_stream = 1;

/// The current stream of the library behind `api`, numbered as in `imported`.
std::uintptr_t work_stream(const dlpack::exchange_api& api, device where);

} // namespace engine

/// The exchange table of `type`, or null if it has none of our major version.
const dlpack::exchange_api* find_exchange_api(PyObject* type);

namespace engine {

/// The same if it can be found without running Python code, else null.
const dlpack::exchange_api* peek_exchange_api(PyTypeObject* type);

/// Whether the producer still describes the memory as it did. The address of its table is the first mark.
bool is_unmoved_for_producer(const witness& seen, const memory& was);

/// Reads the bare tensor of `x` without holding anything. False if the type has no function for that or refuses; the
/// managed form then gives the reason.
bool read_through(const dlpack::exchange_api& api, PyObject* x, imported& out);

} // namespace engine

/// Imports through the C exchange API of the type of `x`. False if the type has none.
bool import_exchange_api(PyObject* x, const engine::request& wanted, imported& out);

/// Imports through `x.__dlpack__()`. False if `x` has no such method. A producer without the keyword `copy` may
/// return an unmarked copy, so it is called twice. Two different blocks mean that it copies.
///
/// A producer on a CUDA device is told the stream that the memory will be used on: the one in its own
/// `__cuda_array_interface__`, so that it has nothing to put in order, or the legacy default stream.
bool import_dlpack(PyObject* x, const engine::request& wanted, imported& out);

/// The same with `stream=-1`, for a producer whose stream is known: it puts nothing in order.
bool import_dlpack_unordered(PyObject* x, const engine::request& wanted, imported& out);

namespace engine {

/// Strides in elements. Validated memory has negative or odd ones only in unused dimensions, of extent 0
/// or 1. They become 1, because consumers reject them anyway.
void fill_element_strides(const memory& m, std::int64_t* strides);

/// Storage for an exported tensor: the struct, its extents and the owner of the memory.
template <class Managed> struct dlpack_block {
    Managed managed{};
    anchor keep;
    std::array<std::int64_t, 1> extents; // `2 * ndim` of them, allocated behind the struct

    static Managed* create(const memory& m, anchor keep) {
        const auto ndim = static_cast<std::size_t>(m.ndim);
        void* room = ::operator new(sizeof(dlpack_block) + 2 * ndim * sizeof(std::int64_t));
        auto* block = new (room) dlpack_block{{}, std::move(keep), {}};
        block->managed.manager_context = block;
        block->managed.deleter = [](Managed* self) {
            auto* context = static_cast<dlpack_block*>(self->manager_context);
            context->~dlpack_block();
            ::operator delete(context);
        };
        std::int64_t* shape = block->extents.data();
        std::int64_t* strides = shape + ndim;
        std::copy_n(m.shape, m.ndim, shape);
        fill_element_strides(m, strides);
        block->managed.tensor = {m.data, m.device, m.ndim, info(m.type.id).dlpack, shape, strides, 0};
        return &block->managed;
    }
};

/// Refuses memory that DLPack consumers mishandle: torch aborts the process on negative strides and crashes
/// on misaligned elements. DLPack cannot describe foreign byte order or strides that are no multiple of the
/// itemsize.
void validate_for_dlpack(const memory& m, const char* consumer);

} // namespace engine

/// A versioned tensor over `m` that holds `keep` until its deleter runs, on any thread.
dlpack::managed_tensor_versioned* export_versioned(const memory& m, anchor keep);

namespace engine {

template <class Managed>
inline constexpr const char* capsule_name_of =
    std::is_same_v<Managed, dlpack::managed_tensor_versioned> ? dlpack::versioned_capsule_name : dlpack::capsule_name;

template <class Managed> py::object make_capsule(Managed* managed) {
    const auto release = [](PyObject* capsule) {
        const char* own_name = capsule_name_of<Managed>;
        if (PyCapsule_IsValid(capsule, own_name) == 0) return; // renamed: the consumer owns it now
        auto* unused = static_cast<Managed*>(PyCapsule_GetPointer(capsule, own_name));
        unused->deleter(unused);
    };
    PyObject* capsule = PyCapsule_New(managed, capsule_name_of<Managed>, release);
    if (capsule == nullptr) managed->deleter(managed);
    return stolen(capsule);
}

} // namespace engine

/// A "dltensor_versioned" capsule over `m`, to be returned from `__dlpack__`.
py::object export_versioned_capsule(const memory& m, anchor keep, std::uint64_t extra_flags = 0);

/// A "dltensor" capsule over writable `m`.
py::object export_unversioned_capsule(const memory& m, anchor keep);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/protocols/dlpack.cpp"
#endif
