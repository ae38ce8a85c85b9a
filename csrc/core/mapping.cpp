#include "mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <pybind11/pybind11.h>

namespace numpy_bridge {

mapping::mapping(int descriptor, std::size_t size, access wanted, bool keep) : size_(size) {
    const int protection = wanted == access::read ? PROT_READ : PROT_READ | PROT_WRITE;
    const int kind = wanted == access::copy_on_write ? MAP_PRIVATE : MAP_SHARED;
    {
        const pybind11::gil_scoped_release other_threads_run;
        // The pages are there: a block is allocated as a whole. Entering them now is far quicker than one by one.
        first_ =
            mmap(nullptr, size, protection, kind | (wanted == access::copy_on_write ? 0 : MAP_POPULATE), descriptor, 0);
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
