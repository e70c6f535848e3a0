"""Captions: who wrote them, as far as that can be known.

docs/explanation/captions.md describes the methods and their limits.
"""
