"""A network over a scene graph: every photo encoded once, every edge decoded once, all of it cached."""
