"""Replacing the watched functions while an audit runs, and putting the originals back."""
