"""The result type: cameras and geometry of every photo in one world frame."""
