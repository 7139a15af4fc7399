"""How good a reconstruction is, measured from the reconstruction itself."""
