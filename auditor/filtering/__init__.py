"""Which rows to train on, and the lists and tars that say so."""
