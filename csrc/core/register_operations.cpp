/// add_ and copy_: operations in place on any library's memory, on the device where it is.
#include "casting_argument.hpp"
#include "device_work.hpp"
#include "fast_function.hpp"
#include "in_place.hpp"
#include "number.hpp"
#include "operands.hpp"
#include "register.hpp"
#include "stream_argument.hpp"

#include <numpy_bridge/libraries/torch_tensor.hpp>

namespace numpy_bridge {

namespace {

constexpr signature<3> add_signature{"add_", 2, {"x", "y", "stream"}};
constexpr signature<5> copy_signature{"copy_", 2, {"dst", "src", "casting", "non_blocking", "stream"}};

/// Refuses Python's own sequences and numbers by the argument's name. `remedy` is the hint.
void require_memory(const char* operation, const char* argument, PyObject* x, const char* remedy) {
    const bool python_object =
        PyList_Check(x) != 0 || PyTuple_Check(x) != 0 || PyLong_Check(x) != 0 || PyFloat_Check(x) != 0;
    if (python_object)
        throw py::type_error(std::string(operation) + "(): " + argument + " (" + engine::type_name(x) +
                             ") has no memory to share; " + remedy);
}

py::object call_add(const arguments<3>& given) {
    require_memory("add_", "x", given[0], "pass an array or a tensor");
    const std::uintptr_t stream = stream_number("add_", given[2]);
    operand x("add_", given[0], true);
    const device of_x = x.description().device;
    if (is_number(given[1])) {
        device_work work("add_", stream, of_x);
        const dtype id = x.description().type.id;
        require_addition(id);
        const element_bytes value = element_of("add_", given[1], id);
        x.require_unmoved("add_");
        add_in_place(work.use(x), value.bytes.data());
        work.finish();
    } else {
        require_memory("add_", "y", given[1], "use np.asarray(y)");
        operand y("add_", given[1], false);
        x.require_unmoved("add_");
        y.require_unmoved("add_");
        const device of_y = y.description().device; // managed memory is used where the other operand is
        device_work work("add_", stream, of_x.type == device_type::cuda_managed && is_cuda(of_y) ? of_y : of_x);
        const memory_on_stream target = work.use(x);
        add_in_place(target, work.use(y));
        work.finish();
    }
    engine::note_write(given[0]);
    return py::reinterpret_borrow<py::object>(given[0]);
}

py::object call_copy(const arguments<5>& given) {
    const kernels::casting rule = casting_rule("copy_", given[2]);
    const bool non_blocking = is_true(given[3], false);
    const std::uintptr_t stream = stream_number("copy_", given[4]);
    require_memory("copy_", "dst", given[0], "pass an array or a tensor");
    require_memory("copy_", "src", given[1], "use np.asarray(src)");
    const auto copy = [&](engine::hold held) {
        operand target("copy_", given[0], true, held), source("copy_", given[1], false, held);
        const memory &to = target.description(), &from = source.description();
        const bool waits = waits_for_copy(to, from);
        if (waits && held == engine::hold::nothing) return false; // without the GIL: hold first
        target.require_unmoved("copy_");
        source.require_unmoved("copy_");
        device_work work("copy_", stream, is_cuda(to.device) ? to.device : from.device);
        const memory_on_stream written = work.use(target);
        require_cast(from.type, to.type, rule);
        copy_in_place(written, work.use(source), non_blocking);
        work.finish(waits && !non_blocking);
        return true;
    };
    if (!copy(engine::hold::nothing)) copy(engine::hold::lasting);
    engine::note_write(given[0]);
    return py::reinterpret_borrow<py::object>(given[0]);
}

constexpr const char* add_doc =
    R"(add_(x, y, *, stream=None)
--

add_(x: object, y: object, *, stream: typing.Any = None) -> object

Add `y` to `x` in place, on the CPU or the CUDA device where `x` is.

Nothing is copied, and `x` is borrowed for the call only. If their memory overlaps, the result is as if `y` were
copied first. On a CUDA device the work is queued on the stream of `x`, or that of `y` if `x` names none, after
all pending work on both streams. The call does not wait for it. Both may be dropped at once: what the work still
needs is kept until it is done.

Parameters
----------
x : object
    Any array, tensor or buffer that `view` accepts, writable, of integers, floating-point numbers of 16 bits
    or more, or complex numbers. Integers wrap around, float16 and bfloat16 are rounded once.
y : number or object
    A number, which is converted to the dtype of `x`, or an array of the same dtype on the same device. It is
    broadcast to the shape of `x`. A tensor that requires grad is read, but the read is not recorded by autograd.
stream : int or stream, optional
    The CUDA stream to work on instead: 1 (the legacy default stream), 2 (that of the thread), a handle, a stream
    of torch or CuPy, or any object with ``__cuda_stream__``. It waits for the streams of both operands, and they
    wait for it.

Returns
-------
object
    `x`.

Raises
------
SharingError
    If the memory of `x` is read-only, tracks gradients or overlaps itself, if dtypes, shapes or devices do not
    match, if a number is out of range, if there are no kernels for the device, or if `stream` is no stream that
    `x` can be used on: 0, a negative number, or any for memory of the host.
CudaError
    If a call to CUDA fails.
TypeError
    If `x` has no memory, `y` has no memory and is not a number, or `stream` is of another kind.

Notes
-----
Autograd counts the call as a write to the tensor that `x` is, or has its memory from. If an operation has saved
that tensor, `backward` raises RuntimeError.

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

constexpr const char* copy_doc =
    R"(copy_(dst, src, *, casting='same_kind', non_blocking=False, stream=None)
--

copy_(dst: object, src: object, *, casting: str = 'same_kind', non_blocking: bool = False, stream: typing.Any = None) -> object

Copy the values of `src` into `dst`, on the CPU, on CUDA devices, or between them.

The layouts may differ. Dtypes are converted by NumPy's rules of casting, and byte orders as well. If their memory
overlaps, the result is as if `src` were copied first. Work on CUDA devices is queued after all pending work on
the streams of both. The call waits for it only if host memory is read or written.

Parameters
----------
dst : object
    Any array, tensor or buffer that `view` accepts, writable.
src : object
    An array that broadcasts to the shape of `dst`. Numeric dtypes may be cast as `casting` allows; other dtypes
    are copied unchanged. Integers that are too large for integers wrap around; numbers that are too large for
    floats become infinite. Rounding is to nearest, and once.
casting : {"no", "equiv", "safe", "same_kind", "unsafe"}, default "same_kind"
    What a conversion may lose, in the words of ``numpy.copyto``. "no": nothing is converted; "equiv": byte
    orders; "safe": to dtypes that have every value; "same_kind": to the same kind or a wider one, in the order
    bool, unsigned, signed, floating, complex; "unsafe": between all numbers. Floats then become integers by
    truncation towards zero. NaN becomes 0, and a number out of range the nearest limit: NumPy leaves both to the
    processor. All but zero becomes True, and of complex numbers the real part is kept.
non_blocking : bool, default False
    Do not wait for a copy between a device and packed host memory of the same dtype. That memory is kept alive
    until the copy is done; do not change it before. If it is not pinned, the call waits all the same.
stream : int or stream, optional
    The CUDA stream to work on instead, on the device of `dst`, or of `src` if `dst` is
    on the host: as for `add_`. It waits for the operands' own streams there, and they wait for it.

Returns
-------
object
    `dst`.

Raises
------
SharingError
    If the memory of `dst` is read-only, tracks gradients or overlaps itself, if the shapes do not match, if
    `casting` does not allow the conversion or is another word, if there are no kernels for the device, or if
    `stream` is 0, negative, or given for two operands on the host.
CudaError
    If a call to CUDA fails.
TypeError
    If `dst` or `src` has no memory, or `casting` or `stream` is of another kind.

Notes
-----
Autograd counts the call as a write to the tensor that `dst` is, or has its memory from. If an operation has
saved that tensor, `backward` raises RuntimeError.

See Also
--------
numpy.copyto, torch.Tensor.copy_

Examples
--------
>>> x = torch.zeros(2, 2)
>>> bridge.copy_(x.T, np.arange(4).reshape(2, 2)).tolist()
[[0.0, 1.0], [2.0, 3.0]]
>>> pixels = np.zeros(4, np.uint8)
>>> bridge.copy_(pixels, torch.tensor([-3.5, 7.9, 300.0, np.nan]), casting="unsafe").tolist()
[0, 7, 255, 0]
)";

} // namespace

void register_operations(py::module_& module) {
    static PyMethodDef methods[] = {fast_method("add_", fast_function<add_signature, call_add>, add_doc),
                                    fast_method("copy_", fast_function<copy_signature, call_copy>, copy_doc),
                                    {nullptr, nullptr, 0, nullptr}};
    if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw py::error_already_set();
}

} // namespace numpy_bridge
