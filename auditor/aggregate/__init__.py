"""Aggregation: sums over all parts of evidence, in one streaming pass, and the audit that is built from the sums."""
