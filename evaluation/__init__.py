"""How far results are from the truth: photo sets with true cameras, published protocols, metrics. Not in the zip."""
