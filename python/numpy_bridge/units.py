"""Numbers with units."""

from __future__ import annotations


def size(count: int) -> str:
    """Return a number of bytes as text: "40 bytes", "10 GiB"."""
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    power = min((count.bit_length() - 1) // 10, 6)
    return f"{count / 1024**power:.4g} {('KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')[power - 1]}"


def duration(seconds: float) -> str:
    """Return a time as text: "1.5 µs", "20 ms", "3 s"."""
    for scale, unit in ((1e-6, "µs"), (1e-3, "ms")):
        if seconds < 1000 * scale:
            return (
                f"{seconds / scale:.2g} {unit}" if seconds < 100 * scale else f"{seconds / scale:.0f} {unit}"
            )
    return f"{seconds:.1f} s"
