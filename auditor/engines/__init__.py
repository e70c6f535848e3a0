"""Engines: how shards are spread over workers. The same results come out of each."""
