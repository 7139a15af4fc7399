"""A job folder on disk, the worker that runs it, and the process that supervises the worker."""
