"""The synthetic fraction with an interval: error rates by source, known rows, flags of the rest, checks of both."""
