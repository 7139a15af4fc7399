"""The version that results carry; the manifest says the same (tests/test_layers.py checks it)."""

VERSION = "0.1.0"
