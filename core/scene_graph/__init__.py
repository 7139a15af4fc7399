"""Which photos are compared with which."""
