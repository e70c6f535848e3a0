"""The public functions, available as attributes of `auditor`; the command line uses only these."""
