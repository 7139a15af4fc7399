"""Operators that run a worker and watch it."""
