"""The fast path is the slow path: see README.md."""
