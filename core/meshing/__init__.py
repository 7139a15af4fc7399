"""Surfaces of a reconstruction as triangle meshes."""
