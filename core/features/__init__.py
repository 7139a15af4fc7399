"""Keypoints, matches and two-view geometry of the photos themselves (SIFT, by pycolmap in a process of its own)."""
