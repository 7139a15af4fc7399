"""The furnished room of `samples/studio`, built and photographed by script; nothing in it comes from elsewhere."""
