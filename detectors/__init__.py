"""Detectors, one per module. Each module's docstring says what it sees and what defeats it."""
