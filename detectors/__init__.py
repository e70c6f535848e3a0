"""Detectors: one kind of evidence a module. Each module's docstring says what it sees and what defeats it."""
