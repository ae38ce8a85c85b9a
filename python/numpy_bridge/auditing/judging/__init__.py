"""Judging a watched call: was its memory shared or copied, why, and by which line."""
