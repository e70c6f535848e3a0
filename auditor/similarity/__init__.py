"""Similarity of images: near-duplicates within a dataset, reference indexes, distribution shift and diversity."""
