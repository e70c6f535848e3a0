"""The synthetic fraction with an interval: error rates by source, known rows, scores of the rest, checks of both."""
