"""Procedural scenes: their description, two renderers of it, cameras, and the source that delivers batches of them."""
