"""The evidence of single rows: signals fused into a verdict, parts on disk with their vectors, rows read back."""
