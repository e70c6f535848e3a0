"""One row's evidence: signals into a verdict, parts on disk, and rows out of them again."""
