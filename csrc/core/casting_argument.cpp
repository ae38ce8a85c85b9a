#include "casting_argument.hpp"

#include <array>
#include <string>

#include <numpy_bridge/error.hpp>

namespace numpy_bridge {

namespace {

constexpr std::array<const char*, 5> words = {"no", "equiv", "safe", "same_kind", "unsafe"}; // in the order of the enum
static_assert(words.size() == static_cast<std::size_t>(kernels::casting::unsafe) + 1);

} // namespace

const char* name_of(kernels::casting rule) noexcept { return words[static_cast<std::size_t>(rule)]; }

kernels::casting casting_rule(const char* function, PyObject* given) {
    if (given == nullptr) return kernels::casting::same_kind;
    if (PyUnicode_Check(given) == 0)
        throw py::type_error(std::string(function) + "(): casting: expected a string, got " + engine::type_name(given));
    for (std::size_t i = 0; i < words.size(); ++i)
        if (PyUnicode_CompareWithASCIIString(given, words[i]) == 0) return static_cast<kernels::casting>(i);
    engine::refuse(function, "casting", "'no', 'equiv', 'safe', 'same_kind' or 'unsafe'", engine::shown(given),
                   "leave the keyword out for 'same_kind'");
}

} // namespace numpy_bridge
