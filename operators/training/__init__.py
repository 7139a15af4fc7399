"""Operators that train a model on the open scene."""
