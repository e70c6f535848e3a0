"""Which images are alike: near copies inside a dataset, banks of known images, drift and diversity."""
