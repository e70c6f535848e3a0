"""Human-looking screens, charts, slides and documents made on the spot: reals that no camera took."""
