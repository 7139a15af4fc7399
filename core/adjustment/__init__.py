"""Cameras that the photos themselves agree on: structure from motion on matches, in the network's world."""
