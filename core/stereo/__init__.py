"""Dense depth that photos with certain cameras agree on: plane sweep, aggregation, consistency, fusion."""
