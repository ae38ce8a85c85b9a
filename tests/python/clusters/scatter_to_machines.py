"""Scatter one tensor to all workers of a scheduler, and print who has what. For test_dask_machines."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import torch
from distributed import Client, get_worker
from distributed.comm import get_address_host

import numpy_bridge as bridge
from numpy_bridge.processes import blocks


def about(block: Any) -> dict[str, Any]:
    inode = os.fstat(block.owner.mapping.descriptor).st_ino
    host = get_address_host(get_worker().address)
    return {"host": host, "inode": inode, "sum": int(bridge.to_numpy(block).sum())}


def main() -> None:
    with Client(sys.argv[1], direct_to_workers=True) as client:
        bridge.dask.register(client)
        client.wait_for_workers(3, timeout=180)
        x = torch.arange(6 << 20, dtype=torch.int32)
        made = [blocks.frozen(x)]
        blocks.frozen = lambda _: made[0]  # to see which memory the workers get
        future = bridge.dask.scatter(client, x)
        workers = client.nthreads()
        files = client.gather([client.submit(about, future, workers=[each], pure=False) for each in workers])
        back = client.gather(future)
        inode = os.fstat(made[0].owner.mapping.descriptor).st_ino
        found = {"files": files, "inode": inode, "sum": int(x.sum()), "nbytes": x.nbytes}
        print(json.dumps({**found, "back": int(bridge.to_numpy(back).sum())}))


if __name__ == "__main__":
    main()
