/// Libraries with an importer of their own, which is tried before any protocol.
///
/// A library is one row of functions. `numpy.ndarray` and `torch.Tensor` are always known; `add_library` adds others,
/// in any extension module, without changing a header.
#pragma once

#include <type_traits>

#include <numpy_bridge/imported.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// How users of a library write a remedy: "{x}" stands for their expression, "{dtype}" for a dtype.
struct dialect {
    const char* dtypes; ///< what dtypes are attributes of: "np." or "torch."
    const char* convert;
    const char* reshape;
    const char* c_order;
    const char* f_order;
    const char* align; ///< to 64 bytes
    const char* copy;
    const char* to_host;
    const char* to_cuda;
};

/// For objects that NumPy makes an array of.
inline constexpr dialect spelled_for_others = {"np.",
                                               "np.asarray({x}).astype({dtype})",
                                               "np.asarray({x}).reshape(...)",
                                               "np.ascontiguousarray({x})",
                                               "np.asfortranarray({x})",
                                               "torch.tensor({x})",
                                               "np.array({x})",
                                               "its own library's copy to the host",
                                               "torch.as_tensor({x}).cuda()"};

/// Returns the object that `x` has its memory from, borrowed; null if there is none. Runs no Python code.
using origin_function = PyObject* (*)(PyObject* x);

/// A library with an importer of its own.
struct library {
    const char* name;

    /// Whether `x` is one of its objects. Runs no Python code, raises nothing and imports nothing.
    bool (*is_mine)(PyObject* x);

    /// Fills `out` as `wanted` asks, or raises sharing_error. With `hold::nothing` it may leave marks in `out.seen`.
    void (*import)(PyObject* x, const request& wanted, imported& out);

    /// As `witness::still_there`, for memory imported with `hold::nothing`. Not asked where `import` left a pin or a
    /// lease all the same. Null where memory cannot move.
    bool (*still_there)(const witness& seen, const memory& was);

    /// A new object over `m`, which keeps `keep` until it is released. Raises sharing_error for memory that the
    /// library cannot take. May be null.
    py::object (*make)(const memory& m, anchor keep);

    const dialect& spelled;

    /// May be null.
    origin_function origin = nullptr;
};

const library& numpy_row() noexcept; ///< numpy.ndarray; see `numpy.hpp`
const library& torch_row() noexcept; ///< torch.Tensor; see `torch_tensor.hpp`

/// The library that `x` is an object of, or null.
const library* find_library(PyObject* x);

/// The object that `x` has its memory from: the base of an ndarray, what a View or a memoryview is of. Borrowed. Null
/// for the memory's own object, and where nothing is known.
PyObject* origin_of(PyObject* x);

/// Makes one more library known to this extension module. `row` must outlive the process. Raises std::length_error
/// beyond 8. Call it while the module is initialised: it takes no lock.
void add_library(const library& row);

/// How to spell a remedy for `x`: as its library does; else with NumPy.
const dialect& spelling_of(PyObject* x);

} // namespace engine

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../../engine/libraries/library.cpp"
#endif
