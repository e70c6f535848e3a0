"""What parts of evidence add up to, in one streaming pass."""
