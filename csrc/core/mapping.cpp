#include "mapping.hpp"

#include <numpy_bridge/python.hpp>

#if __has_include(<sys/mman.h>)
#include <sys/mman.h>
#include <unistd.h>

namespace numpy_bridge {

namespace {

#ifdef MAP_POPULATE
constexpr int populating = MAP_POPULATE;
#else
constexpr int populating = 0; // the pages come when they are used
#endif

} // namespace

mapping::mapping(int descriptor, std::size_t size, bool writable, bool keep, bool populate) : size_(size) {
    {
        const engine::without_gil other_threads_run;
        first_ = mmap(nullptr, size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
                      populate ? MAP_SHARED | populating : MAP_SHARED, descriptor, 0);
    }
    if (first_ == MAP_FAILED) { // NOLINT(performance-no-int-to-ptr,cppcoreguidelines-pro-type-cstyle-cast): the macro
        PyErr_SetFromErrno(PyExc_OSError);
        throw pybind11::error_already_set();
    }
    if (keep) descriptor_ = descriptor;
}

mapping::~mapping() {
    munmap(first_, size_);
    if (descriptor_ >= 0) close(descriptor_);
}

} // namespace numpy_bridge

#else

namespace numpy_bridge {

mapping::mapping(int /*descriptor*/, std::size_t size, bool /*writable*/, bool /*keep*/, bool /*populate*/)
    : first_(nullptr),
      size_(size) {
    PyErr_SetString(PyExc_OSError, "this platform has no mmap, which shared blocks need");
    throw pybind11::error_already_set();
}

mapping::~mapping() = default;

} // namespace numpy_bridge

#endif
