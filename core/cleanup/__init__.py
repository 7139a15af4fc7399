"""What in a finished reconstruction is not a surface: found once, kept beside the points, hidden at will."""
