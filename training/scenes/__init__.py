"""Procedural scenes: their description, their renderer, cameras, and the source that delivers batches of them."""
