"""From pairwise pointmaps to cameras and depths of one world."""
