"""Translate between Blender and core; no method in here."""
