"""Unit vectors of images: the encoders that make them, how they lie on disk, the space in which they are compared."""
