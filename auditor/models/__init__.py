"""Models that do not come with the package: which there are, where they lie; probes and calibrations of one's own."""
