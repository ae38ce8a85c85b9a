"""Weights in several files, and the index that says which tensor is where."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from . import safetensors
from .mapped import Arrays, MappedFile, opened

if TYPE_CHECKING:
    from . import AnyPath, Mode


def read(path: AnyPath, mode: Mode, verify: bool) -> Arrays:
    """Open all files that an index names, and check that they have the tensors that it says."""
    with opened(path, "r", False, safetensors.PROTOCOL) as (file, mapped):
        index = _index(file.read(safetensors.LARGEST_HEADER + 1), mapped)
    folder = Path(os.fsdecode(path)).parent
    shards = {}
    for name in sorted(set(index["weight_map"].values())):
        try:
            shards[name] = safetensors.read(folder / name, mode, verify)
        except FileNotFoundError:
            hint = "load all files of the model into the folder of the index"
            raise mapped.refusal("shard", f"the file {name!r:.80} beside it", "none", hint) from None
    makers = {}
    for tensor, name in index["weight_map"].items():
        if tensor not in shards[name]:
            raise mapped.refusal("tensor", f"{tensor!r:.80} in {name!r:.80}", "no such tensor there")
        makers[tensor] = shards[name].makers[tensor]
    files = [file for shard in shards.values() for file in shard.files]
    return Arrays(makers, files, MappingProxyType(index["metadata"]))


def _index(text: bytes, mapped: MappedFile) -> dict[str, Any]:
    """Return the index, whose files are in its own folder."""
    if len(text) > safetensors.LARGEST_HEADER:
        raise mapped.refusal("index", f"at most {safetensors.LARGEST_HEADER:,} bytes", f"{mapped.size:,}")
    index = {"metadata": {}, **safetensors.load_json(text, mapped, "index")}
    names = index.get("weight_map")
    if not names or not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise mapped.refusal("weight_map", "an object of tensors and their files", f"{names!r:.80}")
    if not isinstance(index["metadata"], dict):
        raise mapped.refusal("metadata", "an object of JSON", f"{index['metadata']!r:.80}")
    for name in names.values():
        if name in ("", ".", "..") or "\0" in name or os.path.basename(name) != name:  # noqa: PTH119
            raise mapped.refusal("shard", "a file in the folder of the index", repr(name)[:80])
    return index
