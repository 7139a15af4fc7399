"""Scale, ground plane and axes: a reconstruction moved to another world frame."""
