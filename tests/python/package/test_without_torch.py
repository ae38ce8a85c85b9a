"""torch is optional: without it everything else works, and to_torch says what to install."""

from __future__ import annotations

from support import needs_ml_dtypes, needs_torch, run_python

WITHOUT_TORCH = "import sys; sys.modules['torch'] = None\n"


def test_to_torch_says_what_to_install() -> None:
    run_python(
        WITHOUT_TORCH
        + """
import numpy as np, numpy_bridge as bridge, pytest
for copy in (False, None, True):
    with pytest.raises(ImportError, match="pip install 'numpy-bridge\\\\[torch\\\\]'") as caught:
        bridge.to_torch(np.ones(2), copy=copy)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
with pytest.raises(ImportError, match="pip install"):
    bridge.to_torch([1])
"""
    )


def test_everything_else_works() -> None:
    run_python(
        WITHOUT_TORCH
        + """
import numpy as np, numpy_bridge as bridge
block = bytearray(8)
array = bridge.to_numpy(block)
array[0] = 7
assert block[0] == 7
assert bridge.shares_memory(block, bridge.view(array))
assert bridge.to_numpy(block, copy=True).tolist() == [7] + [0] * 7
assert np.from_dlpack(bridge.view(array)).tolist() == array.tolist()
"""
    )


def test_only_to_torch_imports_torch() -> None:
    run_python(
        """
import sys, numpy as np, numpy_bridge as bridge
view = bridge.view(np.ones(2))
np.asarray(view), np.from_dlpack(view), bridge.to_numpy(view), repr(view), memoryview(view)
bridge.shares_memory(view, view)
bridge.from_pointer(view.ptr, 2, 'float64', owner=view)
assert 'torch' not in sys.modules
"""
    )


def test_a_broken_torch_is_not_called_missing() -> None:
    run_python(
        """
import importlib.abc, sys, numpy_bridge as bridge, pytest

class Broken(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "torch":
            raise OSError("libtorch.so is from another machine")

sys.meta_path.insert(0, Broken())
with pytest.raises(OSError, match="another machine"):
    bridge.to_torch(b"")
"""
    )


@needs_torch
def test_torch_is_imported_on_first_need() -> None:
    run_python(
        """
import sys, numpy as np, numpy_bridge as bridge
array = np.ones(2)
view = bridge.view(array)
tensor = bridge.to_torch(view)
import torch
assert type(tensor) is torch.Tensor
tensor[0] = 5
assert array[0] == 5
assert bridge.to_numpy(tensor)[0] == 5
"""
    )


@needs_torch
@needs_ml_dtypes
def test_torch_without_the_exchange_api() -> None:
    """Versions before 2.10: both ways, every check, and the storage pinned."""
    run_python(
        """
import gc, ml_dtypes, numpy as np, pytest, torch
del torch.Tensor.__dlpack_c_exchange_api__
import numpy_bridge as bridge
from support import EXTENSIONS, NUMBERS, TENSOR_LAYOUTS, FORWARD
from support import assert_aliases, base_array, base_tensor, readonly, refused

for name in NUMBERS + EXTENSIONS:
    for layout, make in TENSOR_LAYOUTS.items():
        tensor = make(base_tensor(name))
        assert_aliases(tensor, bridge.to_numpy(tensor))
        assert_aliases(tensor, bridge.view(tensor))
    for layout, make in FORWARD.items():
        array = make(base_array(name))
        assert_aliases(array, bridge.to_torch(array))
assert bridge.to_torch(readonly(np.ones(2)), allow_readonly=True).tolist() == [1, 1]
emptied, cut, grown = torch.ones(4), torch.ones(4), torch.ones(8)[2:]
emptied.untyped_storage().resize_(0)
cut.untyped_storage().resize_(15)
bridge.to_numpy(grown)
with pytest.raises(RuntimeError, match="resiz"):
    grown.resize_(7)
for field, tensor in (("data", emptied), ("storage", cut), ("storage", grown)):
    with refused(field):
        bridge.to_torch(tensor, copy=True)
for field, unshareable in {
    "requires_grad": torch.ones(2, requires_grad=True),
    "is_neg": torch.ones(2)._neg_view(),
    "is_conj": torch.ones(2, dtype=torch.complex64).conj(),
    "is_sparse": torch.eye(2).to_sparse(),
    "is_meta": torch.ones(2, device="meta"),
    "data": emptied,
    "storage": cut,
}.items():
    for function in (bridge.view, bridge.to_numpy):
        with refused(field):
            function(unshareable)

tensor = torch.full((4096,), 7.0)
for alias in (bridge.to_numpy(tensor), np.asarray(bridge.view(tensor))):
    with pytest.raises(RuntimeError, match="resiz"):
        tensor.untyped_storage().resize_(0)
alias_of_old = bridge.to_numpy(tensor)
tensor.set_(torch.zeros(1))
junk = [torch.full((4096,), 3.0) for _ in range(8)]
assert (alias_of_old == 7).all()
"""
    )


@needs_torch
def test_overlap_with_torch_without_the_exchange_api() -> None:
    """Only addresses matter: nothing is refused for its values, nothing pinned."""
    run_python(
        """
import torch
del torch.Tensor.__dlpack_c_exchange_api__
import numpy_bridge as bridge
tensor = torch.ones(4)
assert bridge.shares_memory(tensor, tensor[1:2])
assert not bridge.shares_memory(tensor[::2], tensor[1::2])
assert tensor.untyped_storage().resizable(), "pinned by a comparison"
grad = torch.ones(2, requires_grad=True)
for odd in (grad, torch.ones(2)._neg_view(), torch.ones(2, dtype=torch.complex64).conj()):
    assert bridge.shares_memory(odd, odd)
"""
    )
