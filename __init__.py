"""DUSt3R: photos to a point cloud and matching cameras, inside Blender."""
