"""The table of watched calls: where each function is, its argument, and what it does with memory.

docs/audit.md lists calls that cannot be watched, with the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Sends(Enum):
    """What a call turns its argument into, if not into an array."""

    NOTHING = ""
    MESSAGE = "message"
    TO_PROCESS = "another process"


@dataclass(frozen=True, eq=False)
class Call:
    """One watched call, of which there is one object only.

    Parameters
    ----------
    module : str
        The module that the call is looked up in, once the program has imported it.
    name : str
        The attribute: "tensor", or "Tensor.numpy" for a method.
    label : str
        Its name in reports.
    parameter : str
        The keyword of the argument that is converted, which is the first one.
    copies : str
        Why the call always copies; empty if it copies only when it has to.
    asked : bool
        True if the name of the call announces a copy, as clone and tolist do. Such copies are never hidden.
    note : str
        A remark for calls that share. It follows "the same memory".
    position : int
        Index of the argument that is converted.
    registry : str
        A dictionary in the module that holds the function as a value. Callers take it from there.
    sends : Sends
        Whether the call pickles its argument, see `messages`.
    own_lines : bool
        True if it is watched at the program's own lines only, see `program.copies`.
    stays : bool
        True if the result is in the library of `module`, and on the device of an argument of that library.
    moves : bool
        True if only transfers to or from a device are reported, see `transfers`.
    trees : bool
        True if the argument may be nested containers of jax, each array of which is converted by itself.
    """

    module: str
    name: str
    label: str
    parameter: str = "self"
    copies: str = ""
    asked: bool = False
    note: str = ""
    position: int = 0
    registry: str = ""
    sends: Sends = Sends.NOTHING
    own_lines: bool = False
    stays: bool = False
    trees: bool = False
    moves: bool = False

    @property
    def function(self) -> str:
        """The name without the class."""
        return self.name.rpartition(".")[2]

    @property
    def name_in_source(self) -> str:
        """The name that must occur in a source line for the call to be attributed to it."""
        return self.function if self.registry else self.label.rpartition(".")[2]

    @property
    def repeats(self) -> bool:
        """Whether a call like one that was judged needs no judging: not if addresses decide, as for jax."""
        return self.sends is Sends.NOTHING and self.module != "jax"

    @property
    def second_is_dtype(self) -> bool:
        """Whether the argument after the one that is converted is the dtype."""
        return self.module.endswith("numpy")

    def parts(
        self, arguments: tuple[object, ...], keywords: Mapping[str, object]
    ) -> tuple[object, Mapping[str, object]]:
        """Return the argument that is converted, and the others by name.

        Those without a name have a number, except for NumPy's second one, the dtype.
        """
        if not keywords and len(arguments) == self.position + 1:
            return arguments[self.position], {}
        others = {name: value for name, value in keywords.items() if name != self.parameter}
        for place, value in enumerate(arguments[self.position + 1 :]):
            is_dtype = place == 0 and self.second_is_dtype
            others["dtype" if is_dtype else f"argument {place + 2}"] = value
        given = len(arguments) > self.position
        return (arguments[self.position] if given else keywords.get(self.parameter)), others


def _functions(module: str, label: str, **parameters: str) -> tuple[Call, ...]:
    stays = module == "numpy"
    return tuple(
        Call(module, name, f"{label}.{name}", first, stays=stays) for name, first in parameters.items()
    )


_DTYPES = (
    *("double", "float", "half", "bfloat16", "cdouble", "cfloat"),
    *("long", "int", "short", "char", "byte", "bool"),
)
_MOVES = ("cpu", "cuda", "to", "type", "type_as")
_COLLATE = "torch.utils.data._utils.collate"

CALLS: tuple[Call, ...] = (
    Call("torch", "tensor", "torch.tensor", "data", "torch.tensor always copies"),
    *_functions("torch", "torch", as_tensor="data", asarray="obj", from_numpy="ndarray", frombuffer="buffer"),
    *_functions("torch", "torch", from_dlpack="ext_tensor"),
    Call("torch.utils.dlpack", "from_dlpack", "torch.from_dlpack", "ext_tensor"),
    Call("torch", "Tensor.numpy", "Tensor.numpy"),
    Call("torch", "Tensor.__array__", "Tensor.__array__"),
    Call("torch", "Tensor.__dlpack__", "Tensor.__dlpack__"),
    Call("torch", "Tensor.tolist", "Tensor.tolist", copies="a list holds Python objects", asked=True),
    Call("torch", "Tensor.clone", "Tensor.clone", copies="clone always copies", asked=True, stays=True),
    Call("torch", "Tensor.contiguous", "Tensor.contiguous", stays=True),
    *(Call("torch", f"Tensor.{name}", f"Tensor.{name}", asked=True) for name in _MOVES),
    *(Call("torch", f"Tensor.{name}", f"Tensor.{name}", asked=True, stays=True) for name in _DTYPES),
    Call(
        *("torch", "Tensor.new_tensor", "Tensor.new_tensor", "data", "Tensor.new_tensor always copies"),
        position=1,
    ),
    *(
        Call(_COLLATE, function, "default_collate", "batch", reason, True, registry="default_collate_fn_map")
        for function, reason in {
            "collate_tensor_fn": "the samples are stacked into one batch",
            "collate_numpy_array_fn": "the samples are stacked into one batch",
            "collate_numpy_scalar_fn": "the numbers are gathered into one batch",
            "collate_float_fn": "the numbers are gathered into one batch",
            "collate_int_fn": "the numbers are gathered into one batch",
        }.items()
    ),
    Call("numpy", "array", "np.array", "object", "np.array copies unless it is told not to", stays=True),
    Call("numpy", "copy", "np.copy", "a", "np.copy always copies", asked=True, stays=True),
    *_functions("numpy", "np", asarray="a", asanyarray="a", ascontiguousarray="a", asfortranarray="a"),
    *_functions("numpy", "np", from_dlpack="x", frombuffer="buffer"),
    *_functions("numpy_bridge", "bridge", to_numpy="x", to_torch="x", view="x"),
    Call("jax.numpy", "array", "jnp.array", "object", "jnp.array copies unless it is told not to"),
    Call("jax.numpy", "asarray", "jnp.asarray", "a"),
    Call("jax", "device_put", "jax.device_put", "x", trees=True),
    *_functions("jax.dlpack", "jax.dlpack", from_dlpack="external_array"),
    *_functions("pyarrow", "pa", array="obj"),
    *_functions("tensorflow", "tf", convert_to_tensor="value", constant="value"),
    Call(
        *("tensorflow", "Variable.__class__.__call__", "tf.Variable", "initial_value"),
        note=", until the variable is assigned to",
        position=1,
    ),
    *(
        Call(
            f"tensorflow.python.{module}",
            f"{base}.numpy",
            f"{name}.numpy",
            copies=f"{name}.numpy always copies",
        )
        for module, base, name in (
            ("framework.ops", "_EagerTensorBase", "EagerTensor"),
            ("ops.resource_variable_ops", "BaseResourceVariable", "Variable"),
        )
    ),
    Call("tensorflow.python.framework.ops", "_EagerTensorBase.__dlpack__", "EagerTensor.__dlpack__"),
    *(
        Call("tensorflow", name, f"tf.{name}", parameter)
        for name, parameter in (
            ("experimental.dlpack.to_dlpack", "tf_tensor"),
            ("experimental.dlpack.from_dlpack", "dlcapsule"),
        )
    ),
    Call("cupy", "array", "cupy.array", "obj", "cupy.array copies unless it is told not to"),
    *_functions("cupy", "cupy", asarray="a", asnumpy="a", from_dlpack="array"),
    Call("pickle", "dumps", "pickle.dumps", "obj", sends=Sends.MESSAGE),
    *(
        Call(
            f"multiprocessing.{module}", f"{base}.{method}", label, "obj", position=1, sends=Sends.TO_PROCESS
        )
        for module, base, method, label in (
            ("queues", "Queue", "put", "Queue.put"),
            ("queues", "JoinableQueue", "put", "JoinableQueue.put"),
            ("queues", "SimpleQueue", "put", "SimpleQueue.put"),
            ("connection", "_ConnectionBase", "send", "Connection.send"),  # the class that defines it
        )
    ),
)
