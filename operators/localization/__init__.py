"""Operators that place further photos, and show matches."""
