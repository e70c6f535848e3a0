"""Unit vectors of images: the encoders that make them, vectors made already, whitening, and where models lie."""
