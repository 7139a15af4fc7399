"""Scenes to pictures: rays against shapes, compiled by Numba."""
