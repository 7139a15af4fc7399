"""Operators on the list of photos."""
