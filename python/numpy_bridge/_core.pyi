"""
Shared memory between array libraries: the compiled core of numpy_bridge.
"""
from __future__ import annotations
import collections.abc
import typing
import numpy.typing
import torch
from numpy_bridge.typing import CudaStream, Shareable
_Scalar = typing.TypeVar('_Scalar', bound=numpy.generic)
_Memory = typing.TypeVar('_Memory', bound=Shareable)
__all__: list[str] = ['KnownCalls', 'Mapping', 'SharedBlock', 'ThisThread', 'View', 'add_', 'ask_protocols', 'capsule_address', 'check_on_device', 'convert_each', 'copy_', 'describe', 'from_pointer', 'is_all_or_nothing', 'is_leaf', 'may_share_memory', 'reads_tensors_fast', 'shared_block', 'shares_memory', 'stand_in', 'this_thread', 'to_numpy', 'to_torch', 'unfamiliar_kinds', 'unwatch_calls', 'values_of', 'view', 'watch_calls']
class View:
    """
    A share of one block of memory, which supports every protocol.
    
    Made by `view` and `from_pointer`. A View owns no memory; it keeps the owner alive and the block in
    place. Works with memoryview, numpy.asarray, numpy.from_dlpack, torch.from_dlpack, hashlib,
    socket.send, file.write, struct and everything else that takes a buffer, DLPack or one of the array
    interfaces. Attributes of protocols that cannot describe the memory, such as
    ``__array_interface__`` for bfloat16 or for device memory, are absent.
    
    ``v[...]`` selects a part as NumPy's basic indexing does; it is a View, too, even of a single element.
    
    ``torch.asarray`` reads the bytes of any buffer as float32, those of a View too: use `to_torch`,
    ``torch.from_dlpack`` or ``torch.as_tensor``.
    """
    __contains__ = None
    __dlpack_c_exchange_api__: typing.ClassVar[typing.Any]
    __numpy_bridge_view__: typing.ClassVar[typing.Any]
    def __array__(self, dtype: typing.Any = None, copy: bool | None = None) -> numpy.typing.NDArray[typing.Any]:
        """
        The memory as an ndarray; NumPy calls this where PEP 3118 has no format for the dtype.
        """
    def __bool__(self) -> bool:
        """
        Whether there is anything along the first axis.
        """
    def __copy__(self) -> View:
        """
        One more View of the same memory.
        """
    def __dlpack__(self, *, stream: typing.Any = None, max_version: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex] | None = None, dl_device: tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex] | None = None, copy: bool | None = None) -> typing.Any:
        """
        A DLPack capsule, as the array API standard describes it.
        """
    def __dlpack_device__(self) -> tuple[int, int]:
        """
        DLPack device type and index.
        """
    def __eq__(self, other: object) -> bool: ...
    def __getitem__(self, key: typing.Any) -> View:
        """
        The part that integers, slices, ... and None select: a View.
        """
    def __hash__(self) -> int:
        ...
    def __iter__(self) -> collections.abc.Iterator[View]:
        """
        The parts along the first axis.
        """
    def __len__(self) -> int:
        """
        The extent of the first axis.
        """
    def __reduce__(self) -> tuple[typing.Any, ...]:
        """
        A description, and the bytes of the elements; see `numpy_bridge.dumps`.
        """
    def __repr__(self) -> str:
        ...
    def cast(self, dtype: typing.Any) -> View:
        """
        A View of the same bytes as elements of another dtype.
        
        Values are not converted. As in `numpy.ndarray.view`, elements of another size change the last axis, which must have no
        gaps. Elements may be unaligned afterwards; what needs aligned ones, such as torch, refuses them.
        
        Parameters
        ----------
        dtype : str or dtype
            A name ("float32", "bfloat16"), a typestr (">f4"), or a dtype of NumPy, ml_dtypes or torch.
        
        Returns
        -------
        View
        
        Raises
        ------
        SharingError
            If the dtype is unknown, or if the last axis has gaps or a size that is no multiple of the new itemsize.
        
        Examples
        --------
        >>> import numpy_bridge as bridge
        >>> bridge.view(bytearray(8)).cast("float32")
        <numpy_bridge.View float32 (2,) on cpu, of numpy_bridge.View>
        """
    def reshape(self, *shape: int | collections.abc.Sequence[int]) -> View:
        """
        A View of the same elements in another shape.
        
        Parameters
        ----------
        *shape : int or sequence of int
            The extents; one of them may be -1, and is then computed from the others.
        
        Returns
        -------
        View
        
        Raises
        ------
        SharingError
            If the shape has another number of elements, or if only a copy could have it.
        
        Examples
        --------
        >>> import numpy_bridge as bridge
        >>> bridge.view(bytearray(6)).reshape(2, -1).shape
        (2, 3)
        """
    @property
    def __array_interface__(self) -> dict[str, typing.Any]:
        """
        NumPy's array interface, version 3; absent for device memory and dtypes that it lacks.
        """
    @property
    def __array_struct__(self) -> typing.Any:
        """
        The array interface as a C structure; absent where `__array_interface__` is, and for records and the like.
        """
    @property
    def __cuda_array_interface__(self) -> dict[str, typing.Any]:
        """
        The CUDA array interface, version 3; absent for memory that is not on a CUDA device.
        """
    @property
    def device(self) -> str:
        """
        'cpu', 'cuda:0', ...
        """
    @property
    def dtype(self) -> str:
        """
        Name of the element type: 'float32'; for foreign byte order the typestr: '>f4'.
        
        For times, records and other elements that only NumPy has, the text of NumPy's dtype, which is ``to_numpy(v).dtype``.
        """
    @property
    def itemsize(self) -> int:
        """
        Bytes of one element.
        """
    @property
    def nbytes(self) -> int:
        """
        Elements times itemsize.
        """
    @property
    def ndim(self) -> int:
        """
        Number of axes, 0 to 64.
        """
    @property
    def owner(self) -> typing.Any:
        """
        The object that the memory belongs to, or None.
        """
    @property
    def ptr(self) -> int:
        """
        Address of the first element.
        """
    @property
    def readonly(self) -> bool:
        """
        Whether the memory may not be written.
        """
    @property
    def shape(self) -> tuple[int, ...]:
        """
        Extents, one an axis.
        """
    @property
    def strides(self) -> tuple[int, ...]:
        """
        Steps between neighbours along each axis, in bytes.
        """
    def __buffer__(self, flags: int, /) -> memoryview: ...
class ThisThread:
    """
    The state of the thread that asks.
    """
    @property
    def unwatched(self) -> bool:
        """
        Whether audits report no calls of this thread.
        """
    @unwatched.setter
    def unwatched(self, arg1: bool) -> None:
        ...
class KnownCalls:
    """
    Conversions that are made again, so that they need not be judged again.
    """
    def __init__(self, is_own: typing.Any) -> None:
        """
        `is_own` tells of a file name whether it holds code of the program.
        """
    def __len__(self) -> int:
        ...
    def begin_in_child(self) -> None:
        """
        Forget everything, in a forked process.
        """
    def look_up(self, call: typing.Any, options: typing.Any, source: typing.Any, result: typing.Any, frame: typing.Any, seconds: typing.SupportsFloat | typing.SupportsIndex) -> typing.Any:
        """
        NotImplemented for a call that has to be judged; None for one that was counted, or is never reported; else the conversion that it is one more of, and its bytes.
        """
    def remember(self, call: typing.Any, options: typing.Any, source: typing.Any, result: typing.Any, frame: typing.Any, conversion: typing.Any, generation: typing.SupportsInt | typing.SupportsIndex) -> None:
        """
        Keep the conversion, or None, that a call was judged to be. Calls like it are counted from now on, if the generation is the one that runs.
        """
    def start_generation(self) -> int:
        """
        Count no more calls until they are remembered in the generation that begins, which is returned.
        """
    def take(self, forget: bool = False) -> list[tuple[typing.Any, int, int, float]]:
        """
        Take what was counted: (conversion, times, bytes, seconds) for each; with `forget` all that is known.
        """
    @property
    def listening(self) -> bool:
        """
        Whether anything listens.
        """
    @listening.setter
    def listening(self, arg1: bool) -> None:
        ...
class Mapping:
    """
    Pages of a file, mapped until the last user lets go.
    """
    def __init__(self, descriptor: typing.SupportsInt | typing.SupportsIndex, size: typing.SupportsInt | typing.SupportsIndex, writable: bool, keep: bool, populate: bool) -> None:
        """
        Map the first bytes of a file. With `keep` the descriptor is taken over, and closed at the end.
        """
    @property
    def address(self) -> int:
        """
        Address of the first byte.
        """
    @property
    def descriptor(self) -> int:
        """
        The descriptor that is kept open, or -1.
        """
    @property
    def size(self) -> int:
        """
        Bytes that are mapped.
        """
class SharedBlock(View):
    """
    Memory that other processes can attach: a `View` that pickles to a handle.
    
    Made by `shared_empty`, and by unpickling in another process. Each process that has it, or an array or tensor over it,
    keeps the memory alive. It has no name in the file system, so nothing is left behind when processes are killed.
    """
    def __copy__(self) -> typing.Any:
        """
        The block itself: a copy of it would alias it.
        """
    def __deepcopy__(self, memo: typing.Any) -> typing.Any:
        """
        A new block with the same values.
        """
    def __reduce__(self) -> typing.Any:
        """
        A handle; see numpy_bridge.shared_empty.
        """
    def __repr__(self: View) -> str:
        ...
def add_(x: _Memory, y: Shareable | complex, *, stream: CudaStream | None = None) -> _Memory:
    """
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
    """
def ask_protocols(x: typing.Any) -> tuple[typing.Any, list[tuple[str, typing.Any]]]:
    """
    What `view` makes of `x`, and the result of each protocol that it supports. Each is asked once.
    
    The first is a View, the exception that `view` would raise, or None for an object of a known library, which
    computes nothing. Then (name, answer) for each protocol, in the order of `view`: the facts of `describe`, the
    SharingError, or None for ``__array__`` where `view` does not need it: it might copy, compute or pin.
    """
def capsule_address(capsule: typing.Any) -> int | None:
    """
    Address of the first element in a DLPack capsule that is not consumed; None for any other object. 0 if there is no memory, or if the layout of the capsule's DLPack version is unknown.
    """
def check_on_device(view: View) -> None:
    """
    Raise SharingError if CUDA can be used and knows the memory to be somewhere else.
    """
def convert_each(leaves: list[typing.Any], convert: typing.Any, values: frozenset[type]) -> list[typing.Any]:
    """
    The results of ``convert(leaf)``, called once for each object, however often it is in the list.
    
    int, float, str, and objects of the classes in `values`, stay as they are.
    """
def copy_(dst: _Memory, src: Shareable, *, casting: typing.Literal["no", "equiv", "safe", "same_kind", "unsafe"] = "same_kind", non_blocking: bool = False, stream: CudaStream | None = None) -> _Memory:
    """
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
    """
def describe(x: typing.Any) -> dict[str, typing.Any]:
    """
    The memory behind `x` as numbers and names. Nothing is pinned, and nothing held.
    
    Values are not asked for: tensors that `view` refuses for theirs (conjugated, requiring grad) have an address
    all the same. Raises as `shares_memory` does.
    """
def from_pointer(address: typing.SupportsInt | typing.SupportsIndex, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], dtype: str, strides: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex] | None, device: str | tuple[typing.SupportsInt | typing.SupportsIndex, typing.SupportsInt | typing.SupportsIndex], owner: typing.Any, readonly: bool, stream: typing.Any = None) -> View:
    """
    A View of memory at an address; see numpy_bridge.from_pointer, which normalises the arguments.
    """
def is_all_or_nothing(leaves: list[typing.Any], refusable: bool) -> bool:
    """
    Whether sharing these objects one after the other leaves no storage pinned if one of them is refused.
    
    True if no tensor among them would be pinned, or if `view` and `to_numpy` refuse none of them. With
    `refusable` the objects go to a library that may refuse any of them. int, float and str are passed over.
    """
def is_leaf(x: typing.Any) -> bool:
    """
    Whether `x` is known to be no container without a look into optree's registry, which takes longer.
    
    True for arrays of NumPy, tensors, Views, int, float and str.
    """
def may_share_memory(a: Shareable, b: Shareable) -> bool:
    """
    may_share_memory(a: object, b: object) -> bool
    
    Whether the address ranges of two objects intersect.
    
    False means that they share no memory. True means that they may: their elements can still
    interleave, which `shares_memory` finds out.
    
    Parameters
    ----------
    a, b : object
        As for `shares_memory`.
    
    Returns
    -------
    bool
    
    Raises
    ------
    TypeError, SharingError
        As for `shares_memory`.
    
    Examples
    --------
    >>> array = np.zeros(8)
    >>> bridge.may_share_memory(array[::2], array[1::2])  # their ranges intersect
    True
    >>> bridge.shares_memory(array[::2], array[1::2])
    False
    """
def reads_tensors_fast() -> bool:
    """
    True if tensors are read where torch keeps them, which takes a third of the time that its attributes take.
    
    False if torch is not imported, if its layout was not found, or if NUMPY_BRIDGE_FAST_TENSORS was 0 when torch was first used.
    """
def shared_block(address: typing.SupportsInt | typing.SupportsIndex, shape: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], dtype: str, segment: typing.Any, readonly: bool) -> SharedBlock:
    """
    A SharedBlock at an address in the mapping of a segment.
    """
@typing.overload
def shares_memory(a: Shareable, b: Shareable, *, tree: typing.Literal[False] = False) -> bool:
    """
    shares_memory(a: object, b: object, *, tree: bool | str = False) -> bool
    
    Whether two objects of any libraries have at least one byte in common.
    
    Exact: arrays that interleave without touching the same byte do not share memory. Nothing is
    copied, pinned or read; memory on the host and on a CUDA device is never the same.
    
    Parameters
    ----------
    a, b : object
        Arrays, tensors, buffers, views: anything that `view` accepts, and tensors that it refuses
        for their values (conjugated, requiring grad, ...), as only addresses matter here.
    tree : bool or str, default False
        Whether any array in the nested containers `a` shares memory with any one in `b`; see
        `numpy_bridge.trees`.
    
    Returns
    -------
    bool
    
    Raises
    ------
    TypeError
        If an object supports no protocol that describes memory.
    SharingError
        If an object does, but its memory cannot be described.
    TooHardError
        If the answer was not found within bounded work. The general problem is NP-hard; contiguous
        memory, equal nested strides (slices of one array) and one array inside another contiguous one
        are always decided at once.
    
    See Also
    --------
    may_share_memory : compares address ranges only.
    numpy.shares_memory : the same for NumPy arrays.
    
    Examples
    --------
    >>> block = bytearray(64)
    >>> array, view = np.frombuffer(block, "f4"), bridge.view(block)
    >>> bridge.shares_memory(array[::2], array[1::2]), bridge.shares_memory(array, view)
    (False, True)
    """
@typing.overload
def shares_memory(a: typing.Any, b: typing.Any, *, tree: bool | str) -> bool: ...
def stand_in(original: typing.Any, before: typing.Any, after: typing.Any, *, known: KnownCalls | None = None, call: typing.Any = None, receiver: typing.Any = None, silences: bool = True) -> typing.Any:
    """
    stand_in(original: object, before: object, after: object, *, known: object = None, call: object = None, receiver: object = None, silences: bool = True) -> object
    
    An object to be called instead of `original`, which binds as it does and has its attributes.
    
    A call is before(arguments, keywords), the original's own, and unless `before` returned None or the call failed
    after(noted, result, seconds), with what it returned. What that returns, if not None, is raised. There are no frames
    between those of the caller and those of the three. If it `silences`, calls inside it are not reported, nor is it itself
    inside such a call.
    
    With `known`, the KnownCalls, and `call`, the row of the table, calls that are known are counted there. Others are given
    to `after`, which gets the argument and the options, and `before` is asked about capsules only. `receiver` is the object
    that a method is bound to.
    """
@typing.overload
def to_numpy(x: numpy.typing.NDArray[_Scalar], *, copy: bool | None = False, dims: str | None = None, tree: typing.Literal[False] = False) -> numpy.typing.NDArray[_Scalar]:
    """
    to_numpy(x: object, *, copy: bool | None = False, dims: str | None = None, tree: bool | str = False) -> numpy.ndarray
    Overloaded function.
    
    1. to_numpy(x: object, *, copy: bool | None = False, dims: str | None = None) -> numpy.ndarray
    
    Share the memory behind `x` as a NumPy array.
    
    Writes through either side are seen by the other. Read-only memory yields a read-only array. An
    ndarray is returned as it is.
    
    Parameters
    ----------
    x : object
        Anything that `view` accepts.
    copy : bool or None, default False
        False: share or raise. None: share if possible, else copy. True: always copy. A copy of a
        tensor has its values, with negation and conjugation applied, and is detached from autograd.
    dims : str, optional
        The order of the axes in `x` and in the result, a letter each: "CHW->HWC". Only the strides differ.
    
    Returns
    -------
    numpy.ndarray
        bfloat16 and float8 elements have the dtypes of the optional package ml_dtypes.
    
    Raises
    ------
    SharingError
        With ``copy=False``, if the memory cannot be shared: a tensor that requires grad, has the
        negative or conjugate bit set, is not strided, has no memory, is not on the host, or has a
        dtype that NumPy lacks. Also if `dims` does not fit the axes.
    TypeError
        If `x` supports no protocol.
    
    Examples
    --------
    >>> tensor = torch.zeros(3)
    >>> array = bridge.to_numpy(tensor)
    >>> array[0] = 7
    >>> tensor.tolist()
    [7.0, 0.0, 0.0]
    
    2. to_numpy(x: object, *, copy: bool | None = False, dims: str | None = None, tree: bool | str) -> typing.Any
    
    Convert every array in the nested containers `x`, or none: new containers with the results. ``tree`` is True or the
    namespace of optree in which their classes are registered; see `numpy_bridge.trees`.
    """
@typing.overload
def to_numpy(x: Shareable, *, copy: bool | None = False, dims: str | None = None, tree: typing.Literal[False] = False) -> numpy.typing.NDArray[typing.Any]: ...
@typing.overload
def to_numpy(x: typing.Any, *, copy: bool | None = False, dims: str | None = None, tree: bool | str) -> typing.Any: ...
@typing.overload
def to_torch(x: Shareable, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None, tree: typing.Literal[False] = False) -> torch.Tensor:
    """
    to_torch(x: object, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None, tree: bool | str = False) -> torch.Tensor
    Overloaded function.
    
    1. to_torch(x: object, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None) -> torch.Tensor
    
    Share the memory behind `x` as a torch tensor.
    
    Writes through either side are seen by the other. A tensor is returned as it is. Imports torch if
    it is not loaded yet.
    
    Parameters
    ----------
    x : object
        Anything that `view` accepts.
    copy : bool or None, default False
        False: share or raise. None: share if possible, else copy. True: always copy.
    allow_readonly : bool, default False
        Share read-only memory although every tensor can be written. Writing to the tensor is then
        undefined: the owner, or the operating system, relies on the memory not changing.
    dims : str, optional
        The order of the axes in `x` and in the result, a letter each: "HWC->CHW". Only the strides differ.
    
    Returns
    -------
    torch.Tensor
    
    Raises
    ------
    SharingError
        With ``copy=False``, if the memory cannot be shared: it is read-only, has negative strides,
        strides that are no multiple of the itemsize, elements that are not aligned to it, foreign
        byte order, or a dtype that torch lacks. Also if `dims` does not fit the axes.
    TypeError
        If `x` supports no protocol.
    ImportError
        If torch is not installed.
    
    Examples
    --------
    >>> array = np.zeros(3, np.float32)
    >>> tensor = bridge.to_torch(array)
    >>> tensor += 1
    >>> array.tolist()
    [1.0, 1.0, 1.0]
    >>> bridge.to_torch(array[::-1], copy=None).tolist()  # torch has no negative strides: a copy
    [1.0, 1.0, 1.0]
    
    2. to_torch(x: object, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None, tree: bool | str) -> typing.Any
    
    Convert every array in the nested containers `x`, or none: new containers with the results. ``tree`` is True or the
    namespace of optree in which their classes are registered; see `numpy_bridge.trees`.
    """
@typing.overload
def to_torch(x: typing.Any, *, copy: bool | None = False, allow_readonly: bool = False, dims: str | None = None, tree: bool | str) -> typing.Any: ...
def unfamiliar_kinds(leaves: list[typing.Any]) -> set[type]:
    """
    The classes of the objects that `is_leaf` is false for.
    """
def unwatch_calls() -> None:
    """
    Remove the listener.
    """
def values_of(x: typing.Any, readonly: bool = True) -> typing.Any:
    """
    A View to copy from, for the moment: `x` shared but not pinned, or the copy that its producer makes.
    """
@typing.overload
def view(x: Shareable, *, readonly: bool = False, stream: CudaStream | None = None, tree: typing.Literal[False] = False) -> View:
    """
    view(x: object, *, readonly: bool = False, stream: typing.Any = None, tree: bool | str = False) -> View
    Overloaded function.
    
    1. view(x: object, *, readonly: bool = False, stream: typing.Any = None) -> View
    
    Share the memory behind `x` as a View, which supports every protocol.
    
    Nothing is copied. The owner is kept alive and its block in place: tensors on the host can no
    longer be resized, bytearrays cannot grow, mmaps cannot be closed while the View lives.
    
    Parameters
    ----------
    x : object
        numpy.ndarray, torch.Tensor, View, or any object that supports the buffer protocol (PEP 3118, PEP
        688), DLPack, ``__array_interface__``, ``__array_struct__``, ``__cuda_array_interface__`` or
        ``__array__``, as long as it shares its own memory and not a copy. Arrays of jax,
        TensorFlow and pyarrow are immutable and come in read-only.
    readonly : bool, default False
        Share the memory as read-only. Read-only memory always stays read-only.
    stream : int or stream, optional
        The CUDA stream that the View is used on, instead of the one that `x` names: 1 (the legacy default stream), 2
        (that of the thread), a handle, a stream of torch or CuPy, or any object with ``__cuda_stream__``. It waits for
        pending work on `x`. The View keeps a stream object, but not the stream behind a number.
    
    Returns
    -------
    View
    
    Raises
    ------
    SharingError
        If the memory cannot be shared; the error names protocol, field, expected, got and a hint. Also if `stream` is
        0 or negative, or `x` is not on a CUDA device.
    TypeError
        If `x` supports no protocol, or `stream` is of another kind.
    
    Examples
    --------
    >>> data = bytearray(b"abc")
    >>> shared = bridge.view(data)
    >>> memoryview(shared)[0] = ord("x")
    >>> data, shared.dtype, shared.shape
    (bytearray(b'xbc'), 'uint8', (3,))
    
    2. view(x: object, *, readonly: bool = False, stream: typing.Any = None, tree: bool | str) -> typing.Any
    
    Share every array in the nested containers `x`, or none: new containers with the results. ``tree`` is True or the
    namespace of optree in which their classes are registered; see `numpy_bridge.trees`.
    """
@typing.overload
def view(x: typing.Any, *, readonly: bool = False, stream: CudaStream | None = None, tree: bool | str) -> typing.Any: ...
def watch_calls(type: type, listener: typing.Any) -> None:
    """
    Call listener(self, arguments, keywords, result) after each call of an object of a C type, instead of an earlier listener. What the listener raises is the call's exception, and so is what it returns instead of None. One type can be watched in a process.
    """
__version__: str = '0.1.0'
this_thread: ThisThread
