"""Engines distribute shards over workers. All engines give the same results."""
