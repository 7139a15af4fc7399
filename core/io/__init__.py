"""Atomic file writing and validation of what was read."""
