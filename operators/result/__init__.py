"""Operators on a finished reconstruction in the scene."""
