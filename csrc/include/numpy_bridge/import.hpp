/// The import policy: how the memory of any Python object is found.
#pragma once

#include <cstdint>
#include <vector>

#include <numpy_bridge/error.hpp>
#include <numpy_bridge/imported.hpp>

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

/// A protocol by which objects share memory.
struct protocol {
    const char* name;      ///< as refusals give it
    const char* attribute; ///< the attribute or slot of the object
    /// Fills `out` and returns true, or returns false if `x` lacks the attribute. May raise sharing_error.
    bool (*import)(PyObject* x, const request& wanted, imported& out);
};

/// All protocols, in the order in which they are tried.
struct protocol_list {
    const protocol* first;
    const protocol* last;
    const protocol* begin() const noexcept { return first; }
    const protocol* end() const noexcept { return last; }
};
protocol_list protocols() noexcept;

/// Tries one protocol. Errors become refusals, except those that are not about the request, such as KeyboardInterrupt.
bool try_protocol(const protocol& with, PyObject* x, const request& wanted, imported& out,
                  std::vector<refusal>& refusals);

/// Whether `x.__class__` is the type of `x`, as far as that is known without running Python code.
bool has_own_class(PyObject* x);

/// Whether the exchange table at this address is known to belong to a library whose objects may be written to.
bool is_of_mutable(std::uintptr_t table) noexcept;

/// What became of the protocols that were tried.
struct attempts {
    const protocol* succeeded = nullptr;
    std::vector<const protocol*> refused;
    std::vector<refusal> refusals; ///< why, for each of `refused`
};

/// `import_object` for an object of no known library. `made` is filled even if this raises.
void import_by_protocol(PyObject* x, const request& wanted, imported& out, attempts& made);

} // namespace engine

/// Describes the memory behind `x`, and holds it as `wanted` asks.
///
/// Objects of known libraries are imported by these, all others by the first protocol that succeeds. Raises
/// sharing_error with the reason of every protocol that was tried, or TypeError for objects without any. Needs
/// the GIL.
void import_object(PyObject* x, const engine::request& wanted, imported& out);

NUMPY_BRIDGE_NAMESPACE_END

#ifndef NUMPY_BRIDGE_COMPILED
#include "../../engine/import.cpp"
#endif
