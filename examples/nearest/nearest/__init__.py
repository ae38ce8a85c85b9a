"""Nearest neighbours, for the arrays of every library."""

from nearest._core import Index

__all__ = ["Index"]
