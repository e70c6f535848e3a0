"""Scanning one shard: read its rows, run the detectors, write the evidence."""
