"""Models that do not come with the package: which there are, where they lie; calibrations of one's own."""
