"""What a run says while it runs: a bar on a terminal, lines in a log."""
