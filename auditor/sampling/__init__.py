"""Which rows are looked at, in which order, and when there are enough."""
