"""Image and movie files to the pixels that a network sees, and the way back."""
