"""Numbers with units."""

from __future__ import annotations


def size(count: int) -> str:
    """Return a number of bytes as text: "40 bytes", "10 GiB"."""
    if count < 1024:
        return f"{count} byte{'' if count == 1 else 's'}"
    power = min((count.bit_length() - 1) // 10, 6)
    return f"{count / 1024**power:.4g} {('KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB')[power - 1]}"
