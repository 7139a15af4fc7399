"""Operators on models: download, verify, add, remove."""
