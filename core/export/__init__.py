"""Reconstructions as files that other programs read."""
