"""Defaults of cameras for shots. Imports no SciPy."""

FRAMES_PER_PHOTO = 24  # from one photo to the next
SMOOTHING = 1.0  # photos that the way through single photos is averaged over; a movie's own is not
