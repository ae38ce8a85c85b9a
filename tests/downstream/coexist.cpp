// Compiled against two versions of the headers, into two modules for one process; see test_coexistence.py.
#include <string>
#include <vector>

#include <numpy_bridge/pybind11.hpp>
#include <numpy_bridge/version.hpp>

namespace py = pybind11;
using namespace numpy_bridge;

PYBIND11_MODULE(MODULE_NAME, module) {
    module.attr("version") = NUMPY_BRIDGE_VERSION;
    module.def("fill", [](borrowed<float> x, float value) {
        for (std::int64_t i = 0; i < x.shape(0); ++i) x(i) = value;
    });
    module.def("keep", [](shared<const float, ndim<1>> x) {
        static std::vector<shared<const float, ndim<1>>> kept;
        kept.push_back(std::move(x));
        return kept.back()(0);
    });
    module.def("fail", [] { throw too_hard_error("version " NUMPY_BRIDGE_VERSION); });

    // For the whole process: pybind11 asks it about exceptions of every module.
    py::register_exception_translator([](std::exception_ptr pending) {
        try {
            std::rethrow_exception(std::move(pending));
        } catch (const too_hard_error& error) {
            py::set_error(PyExc_BufferError, (NUMPY_BRIDGE_VERSION " caught " + std::string(error.what())).c_str());
        }
    });
}
