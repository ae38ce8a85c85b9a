#include <tvm/ffi/container/tensor.h>
#include <tvm/ffi/error.h>
#include <tvm/ffi/function.h>

namespace {

namespace ffi = tvm::ffi;

void check(const ffi::TensorView& x) {
    const DLDataType type = x.dtype();
    if (x.device().device_type != kDLCPU) TVM_FFI_THROW(TypeError) << "expected memory on the CPU";
    if (type.code != kDLFloat || type.bits != 32 || type.lanes != 1) TVM_FFI_THROW(TypeError) << "expected float32";
    if (x.ndim() != 2) TVM_FFI_THROW(TypeError) << "expected 2 dimensions";
    if (!x.IsContiguous()) TVM_FFI_THROW(TypeError) << "expected a contiguous tensor";
}

void arrays(ffi::TensorView x, ffi::TensorView y, ffi::TensorView z) {
    check(x);
    check(y);
    check(z);
    static_cast<float*>(z.data_ptr())[0] =
        static_cast<const float*>(x.data_ptr())[0] + static_cast<const float*>(y.data_ptr())[0];
}

} // namespace

TVM_FFI_DLL_EXPORT_TYPED_FUNC(arrays, arrays);
