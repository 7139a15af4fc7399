"""Cameras of further photos in a finished reconstruction, and what two photos have in common."""
