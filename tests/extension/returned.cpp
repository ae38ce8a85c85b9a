/// Memory made in C++ that becomes an array.
#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pybind11/stl.h>

#include <numpy_bridge/pybind11.hpp>

#include "register.hpp"

namespace py = pybind11;
using namespace numpy_bridge;

namespace {

int freed = 0;

owned<float> counted(std::vector<std::int64_t> shape) {
    auto* data = new float[6]{0, 1, 2, 3, 4, 5};
    return own(data, std::move(shape), [](float* p) {
        ++freed;
        delete[] p;
    });
}

std::vector<float> six() { return {0, 1, 2, 3, 4, 5}; }

} // namespace

void register_returned(py::module_& m) {
    m.def("freed", [] { return freed; });
    m.def("from_vector", [] { return own(six()); });
    m.def("vector_of_shape", [](std::vector<std::int64_t> shape) { return own(six(), std::move(shape)); });
    m.def("array", [] { return own(std::array<std::int16_t, 3>{1, 2, 3}); });
    m.def("unique", [] {
        auto values = std::make_unique<double[]>(4);
        values[3] = 7;
        return own(std::move(values), {2, 2});
    });
    m.def("pointer", [](std::vector<std::int64_t> shape) { return counted(std::move(shape)); });
    m.def("read_only", [] {
        static const float constants[] = {1, 2, 3};
        return own(&constants[0], {3}, [](const float*) {});
    });
    m.def("vector_address", [] {
        auto values = six();
        const auto address = reinterpret_cast<std::uintptr_t>(values.data());
        return py::make_tuple(address, own(std::move(values)));
    });
    m.def("as_numpy", [] { return to_numpy(counted({2, 3})); });
    m.def("as_torch", [] { return to_torch(counted({2, 3})); });
    m.def("as_view", [] { return to_view(counted({2, 3})); });
    m.def("like", [](borrowed<const float> x) { return to_library_of(x, counted({2, 3})); });
    m.def("read_only_as_torch", [] {
        static const float constants[] = {1, 2, 3};
        return to_torch(own(&constants[0], {3}, [](const float*) {}));
    });
    m.def("refuse",
          [](std::string protocol, std::string field, std::string expected, std::string got, std::string hint) {
              detail::translate_refusals();
              throw sharing_error(
                  {std::move(protocol), std::move(field), std::move(expected), std::move(got), std::move(hint)});
          });
}
