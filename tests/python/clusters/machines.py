"""Two machines, played by network namespaces of this one, with a veth pair between them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SETTINGS = {
    # Else the scheduler soon drops what no task needs, and a machine that is left without gets it again.
    "DASK_DISTRIBUTED__SCHEDULER__ACTIVE_MEMORY_MANAGER__START": "False",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "200s",
}

ADDRESSES = ("10.211.7.1", "10.211.7.2")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


class Machine:
    """One namespace. Processes that are started in it are ended with it."""

    def __init__(self, index: int) -> None:
        self.name = f"numpy-bridge-{os.getpid()}-{index}"
        self.link = f"nb{os.getpid() % 10**7}v{index}"
        self.address = ADDRESSES[index]
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["ip", "netns", "exec", self.name, sys.executable, *command],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **SETTINGS},
        )
        self.processes.append(process)
        return process

    def run(self, *command: str) -> str:
        there = ["ip", "netns", "exec", self.name, sys.executable, *command]
        done = subprocess.run(
            there, capture_output=True, text=True, timeout=200, check=False, env={**os.environ, **SETTINGS}
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def received(self) -> int:
        """Bytes that have come over the network."""
        return int(self.run("-c", f"print(open('/sys/class/net/{self.link}/statistics/rx_bytes').read())"))

    def end(self) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait(10)
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, timeout=20, check=False)


@contextmanager
def two_machines() -> Iterator[tuple[Machine, Machine]]:
    """Make both.

    Raises
    ------
    OSError, subprocess.CalledProcessError
        If this process may not: that takes Linux, root and iproute2.
    """
    first, second = Machine(0), Machine(1)
    try:
        for machine in (first, second):
            _ip("netns", "add", machine.name)
        ends = [(machine.link, "netns", machine.name) for machine in (first, second)]
        _ip("link", "add", *ends[0], "type", "veth", "peer", "name", *ends[1])
        for machine in (first, second):
            _ip("-n", machine.name, "addr", "add", f"{machine.address}/24", "dev", machine.link)
            for link in ("lo", machine.link):
                _ip("-n", machine.name, "link", "set", link, "up")
        yield first, second
    finally:
        first.end()
        second.end()
