"""Unit vectors of images: encoders, precomputed vectors, whitening, and the store of optional models."""
