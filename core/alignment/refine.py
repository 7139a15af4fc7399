"""Step 4: all cameras, depths and edges together, down the published objective."""
