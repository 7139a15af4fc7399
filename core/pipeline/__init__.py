"""The whole method: photos in, cameras and points of one world out."""
