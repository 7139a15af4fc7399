"""The network and nothing else. Importing this package, or its `config`, imports no torch."""
