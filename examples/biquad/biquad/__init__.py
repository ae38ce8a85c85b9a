"""Second-order filters of audio, in place, for the arrays of every library."""

from biquad._core import Biquad

__all__ = ["Biquad"]
