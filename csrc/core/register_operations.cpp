/// add_ and copy_: operations in place on whoever's memory, on the CPU or a CUDA device by where the memory is.
#include "fast_function.hpp"
#include "in_place.hpp"
#include "number.hpp"
#include "operands.hpp"
#include "register.hpp"

namespace numpy_bridge {

namespace {

constexpr signature<2> add_signature{"add_", 2, {"x", "y"}};
constexpr signature<3> copy_signature{"copy_", 2, {"dst", "src", "non_blocking"}};

py::object call_add(const arguments<2>& given) {
    const operand x("add_", given[0], true);
    const place target{x.description(), x.stream()};
    if (is_number(given[1])) {
        require_addition(target.at.type.id);
        const element_bytes value = element_of("add_", given[1], target.at.type.id);
        x.require_unmoved("add_");
        add_in_place(target, value.bytes.data());
    } else {
        const operand y("add_", given[1], false);
        x.require_unmoved("add_");
        y.require_unmoved("add_");
        add_in_place(target, {y.description(), y.stream()});
    }
    return py::reinterpret_borrow<py::object>(given[0]);
}

py::object call_copy(const arguments<3>& given) {
    const bool non_blocking = is_true(given[2], false);
    operand target("copy_", given[0], true), source("copy_", given[1], false);
    if (waits_for_copy(target.description(), source.description())) {
        target.pin();
        source.pin();
    }
    target.require_unmoved("copy_");
    source.require_unmoved("copy_");
    copy_in_place({target.description(), target.stream()}, {source.description(), source.stream()}, non_blocking);
    return py::reinterpret_borrow<py::object>(given[0]);
}

constexpr const char* add_doc = R"(add_(x: object, y: object) -> object

Add `y` to `x` in place, on whoever's memory: on the CPU or a CUDA device, wherever `x` is.

Nothing is copied, and `x` is borrowed for the call only. The result is as if `y` were read before `x` is
written, however their memory overlaps. On a CUDA device the work is queued on the stream that `x` is used on
(else that of `y`), after all that was queued on the streams of both; the call does not wait for it.

Parameters
----------
x : object
    Any array, tensor or buffer that `view` accepts, writable, of integers, floating-point numbers of 16 bits
    or more, or complex numbers. Integers wrap around, float16 and bfloat16 are rounded once.
y : number or object
    A number, which is converted to the dtype of `x`, or an array of the same dtype on the same device. It is
    broadcast to the shape of `x`. A tensor that requires grad is read without telling autograd.

Returns
-------
object
    `x`.

Raises
------
SharingError
    If the memory of `x` may not be written, tracks gradients or overlaps itself, if dtypes, shapes or devices
    do not fit, if a number is out of range, or if memory is on a CUDA device and there are no kernels for it.
CudaError
    If a call to CUDA fails.
TypeError
    If `x` or `y` has no memory and is no number.

See Also
--------
copy_ : converts between dtypes and devices.

Examples
--------
>>> x = np.zeros(3, np.float32)
>>> bridge.add_(x, torch.ones(3)) is x
True
>>> bridge.add_(x, 1).tolist()
[2.0, 2.0, 2.0]
)";

constexpr const char* copy_doc = R"(copy_(dst: object, src: object, *, non_blocking: bool = False) -> object

Copy the values of `src` into `dst`, on whoever's memory: within the CPU or CUDA devices, and between them.

Layouts may be any; dtypes are converted by NumPy's rule ``casting="same_kind"``, byte orders as well. The result is
as if `src` were read before `dst` is written, however their memory overlaps. Work on CUDA devices is queued in
order with the streams of both; the call waits for it only if memory of the host is involved.

Parameters
----------
dst : object
    Any array, tensor or buffer that `view` accepts, writable.
src : object
    An array that broadcasts to the shape of `dst`. Numbers become numbers of the same kind or of one that
    holds more (bool, unsigned, signed, floating, complex); other elements stay what they are. Large integers
    wrap, large floating-point numbers become infinite; what is rounded is rounded once, to nearest.
non_blocking : bool, default False
    Do not wait for a copy between a device and packed memory of the host of the same dtype. Keep that memory alive
    and unchanged until the stream is done. CUDA waits nevertheless where it is not pinned.

Returns
-------
object
    `dst`.

Raises
------
SharingError
    If the memory of `dst` may not be written, tracks gradients or overlaps itself, if shapes do not fit or a
    conversion would drop fractions, signs or imaginary parts, or if there are no kernels for the device.
CudaError
    If a call to CUDA fails.
TypeError
    If `dst` or `src` has no memory.

See Also
--------
numpy.copyto, torch.Tensor.copy_

Examples
--------
>>> x = torch.zeros(2, 2)
>>> bridge.copy_(x.T, np.arange(4).reshape(2, 2)).tolist()
[[0.0, 1.0], [2.0, 3.0]]
)";

} // namespace

void register_operations(py::module_& module) {
    static PyMethodDef methods[] = {fast_method("add_", fast_function<add_signature, call_add>, add_doc),
                                    fast_method("copy_", fast_function<copy_signature, call_copy>, copy_doc),
                                    {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
}

} // namespace numpy_bridge
