"""Model Autophagy Disorder: the criteria, and the simulation of self-consuming loops."""
