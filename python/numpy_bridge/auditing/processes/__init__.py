"""Watching all processes of a program: each leaves its findings in a file, and the first one merges them."""
