"""Sampling: which rows are examined, in which order, and how many."""
