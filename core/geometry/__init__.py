"""Stateless maths of cameras, rotations and similarities."""
