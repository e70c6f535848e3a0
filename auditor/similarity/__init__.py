"""Which images are alike: near copies inside a dataset, indexes of known images, drift and diversity."""
