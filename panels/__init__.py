"""What the artist sees; draw() only."""
