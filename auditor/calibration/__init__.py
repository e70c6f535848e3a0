"""A calibration of one's own: scores of labelled images, and a classifier's head adapted to them."""
