"""Two audits side by side, in each format that `auditor diff` prints."""
