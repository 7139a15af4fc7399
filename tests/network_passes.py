"""Counts what is asked of a network."""


def count_passes(monkeypatch, network) -> dict[str, int]:
    """How many photos a network class encodes ("encode") and how many pairs it decodes ("decode") from now on."""
    counts = {}

    def count(name, size):
        method = getattr(network, name)

        def counted(self, first, *more):
            counts[name] = counts.get(name, 0) + size(first)
            return method(self, first, *more)

        monkeypatch.setattr(network, name, counted)

    count("encode", len)
    count("decode", lambda encoded: len(encoded.tokens))
    return counts
