"""Evidence of single rows: fusing signals into a verdict, parts on disk with their vectors, reading rows back."""
