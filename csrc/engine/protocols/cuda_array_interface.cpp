#include <numpy_bridge/protocols/cuda_array_interface.hpp>

#include <atomic>
#include <cstddef>
#include <string>

#ifdef _WIN32 // declared as <windows.h> does, whose macros are not for every user of this header
struct HINSTANCE__;
extern "C" {
__declspec(dllimport) HINSTANCE__* __stdcall GetModuleHandleA(const char* name);
__declspec(dllimport) long long(__stdcall* __stdcall GetProcAddress(HINSTANCE__* module, const char* name))();
}
#else
#include <dlfcn.h>
#endif

NUMPY_BRIDGE_NAMESPACE_BEGIN

namespace engine {

using get_pointer_attribute = int (*)(void* out, int attribute, unsigned long long pointer);

/// cuPointerGetAttribute of the CUDA driver; null if this process has not loaded it.
NUMPY_BRIDGE_INLINE get_pointer_attribute find_in_driver() {
    constexpr const char* name = "cuPointerGetAttribute";
#ifdef _WIN32
    HINSTANCE__* driver = GetModuleHandleA("nvcuda.dll");
    if (driver == nullptr) return nullptr;
    return reinterpret_cast<get_pointer_attribute>(reinterpret_cast<void (*)()>(GetProcAddress(driver, name)));
#else
    void* driver = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (driver == nullptr) return nullptr;
    const auto found = reinterpret_cast<get_pointer_attribute>(dlsym(driver, name));
    dlclose(driver);
    return found;
#endif
}

/// The same, sought until it is found: the driver is never unloaded.
NUMPY_BRIDGE_INLINE get_pointer_attribute loaded_driver() {
    static std::atomic<get_pointer_attribute> known{nullptr};
    if (const auto found = known.load(std::memory_order_relaxed)) return found;
    const auto found = find_in_driver();
    known.store(found, std::memory_order_relaxed);
    return found;
}

/// The stream that a dictionary names; 0 for none.
NUMPY_BRIDGE_INLINE std::uintptr_t read_stream(const char* protocol, const py::dict& fields) {
    const py::object stream = optional_entry(fields, "stream");
    if (!stream) return 0;
    constexpr const char* expected = "None, 1, 2 or a stream's handle";
    if (!PyLong_Check(stream.ptr()) || PyBool_Check(stream.ptr())) refuse(protocol, "stream", expected, shown(stream));
    const std::size_t handle = PyLong_AsSize_t(stream.ptr());
    const bool fits = PyErr_Occurred() == nullptr;
    PyErr_Clear();
    if (!fits || handle == 0)
        refuse(protocol, "stream", expected, shown(stream),
               "0 could mean either default stream: 1 legacy, 2 per thread");
    return handle;
}

NUMPY_BRIDGE_INLINE std::uintptr_t stream_named_by(PyObject* x) {
    constexpr const char* protocol = "__cuda_array_interface__";
    try {
        const py::object answer = protocol_attribute(x, protocol);
        if (!answer || !PyDict_Check(answer.ptr())) return 0;
        return read_stream(protocol, py::reinterpret_borrow<py::dict>(answer));
    } catch (const sharing_error&) {
        return 0;
    } catch (py::error_already_set& error) {
        text_of_error(error); // raises KeyboardInterrupt and the like
        return 0;
    }
}

/// The device that `data` is on. The dictionary does not name it, so the driver is asked, if this process has
/// loaded one. Without a driver there is no such memory, and any answer is fine.
NUMPY_BRIDGE_INLINE device device_of_pointer(const char* protocol, const std::byte* data) {
    constexpr int device_ordinal = 9; // CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
    const get_pointer_attribute ask = data == nullptr ? nullptr : loaded_driver();
    if (ask == nullptr) return {device_type::cuda, 0};
    std::int32_t index = 0;
    const int status =
        ask(&index, device_ordinal, static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(data)));
    if (status != 0)
        refuse(protocol, "data", "a pointer to memory of a CUDA device",
               "one that the driver does not know (CUresult " + std::to_string(status) + ")");
    if (index < 0)
        refuse(protocol, "data", "a pointer to memory of a CUDA device", "managed memory whose place is the host",
               "describe it as what it is: numpy_bridge.from_pointer(..., device='cuda_managed:0')");
    return {device_type::cuda, index};
}

} // namespace engine

NUMPY_BRIDGE_INLINE bool import_cuda_array_interface(PyObject* x, const engine::request&, imported& out) {
    constexpr const char* protocol = "__cuda_array_interface__";
    const py::object answer = engine::protocol_attribute(x, protocol);
    if (!answer) return false;
    if (!PyDict_Check(answer.ptr())) engine::refuse(protocol, "attribute", "a dictionary", engine::shown(answer));
    const auto fields = py::reinterpret_borrow<py::dict>(answer);
    engine::read_interface(protocol, fields, 2, engine::to_share, out);
    const py::object data = engine::required_entry(protocol, fields, "data", "a pointer and a read-only flag");
    if (!PyTuple_Check(data.ptr()))
        engine::refuse(protocol, "data", "a pointer and a read-only flag", engine::shown(data));
    out.stream = engine::read_stream(protocol, fields);
    if (out.stream != 0) out.owners_stream = engine::stream_of_interface;
    engine::read_pointer(protocol, data, out);
    out.description.device =
        engine::device_of_pointer(protocol, is_empty(out.description) ? nullptr : out.description.data);
    return true;
}

NUMPY_BRIDGE_INLINE bool has_cuda_array_interface(const memory& m) { return is_cuda(m.device) && typestr_of(m.type); }

NUMPY_BRIDGE_INLINE py::dict export_cuda_array_interface(const memory& m, std::uintptr_t stream) {
    py::dict fields = engine::export_interface(m);
    fields["stream"] = stream == 0 ? py::object(py::none()) : py::object(py::int_(stream));
    return fields;
}

NUMPY_BRIDGE_NAMESPACE_END
