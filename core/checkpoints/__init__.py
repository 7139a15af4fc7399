"""Model files: the catalogue of published ones, those on this machine, download and verification."""
