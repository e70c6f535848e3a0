"""Model Autophagy Disorder: the criteria, and the loops that they come from."""
