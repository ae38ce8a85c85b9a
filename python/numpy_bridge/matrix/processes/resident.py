"""The resident memory of this process: by how much it grew at its highest."""

from __future__ import annotations

from pathlib import Path

ENVIRONMENT = {
    # Each large block has a mapping of its own, which returns to the system when it is freed. Otherwise a
    # copy may be made in memory that was freed before, and the process does not grow.
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
    "NUMPY_MADVISE_HUGEPAGE": "0",
}
"""Variables for processes that measure."""

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Growth:
    """Measures from its construction on. Only Linux tells; elsewhere the growth is None."""

    def __init__(self) -> None:
        try:
            _RESET.write_text("5")  # the highest is now what is resident
            self._before: tuple[int, int, int] | None = _resident()
        except OSError:
            self._before = None

    def bytes(self, *, shared: bool = True) -> int | None:
        """Return the growth, at its highest.

        Parameters
        ----------
        shared : bool, optional
            False to leave out memory that is shared with other processes: whoever made it counts it.
        """
        if self._before is None:
            return None
        _, now, highest = (after - before for after, before in zip(_resident(), self._before, strict=True))
        return max(0, highest - (0 if shared else max(0, now)))


def _resident() -> tuple[int, int, int]:
    """Return the bytes of all resident memory, of the shared part, and of all at its highest."""
    fields = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    now, shared, highest = (1024 * int(fields[name].split()[0]) for name in ("VmRSS", "RssShmem", "VmHWM"))
    return now, shared, highest
