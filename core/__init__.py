"""The method: photos to a reconstruction. Knows nothing of Blender."""
