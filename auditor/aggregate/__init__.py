"""What all parts of evidence add up to, in one streaming pass, and the audit that is built from the sums."""
