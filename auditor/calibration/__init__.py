"""Calibration on the user's labelled images: their scores, and a classifier head adapted to them."""
