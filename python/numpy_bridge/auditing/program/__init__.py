"""Copies at the lines of the program itself: its source is rewritten when it is loaded."""
