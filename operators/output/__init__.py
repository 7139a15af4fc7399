"""Operators that write files of other programs."""
