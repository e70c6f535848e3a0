"""Images behind URLs of a dataset, which is to say from anywhere, brought into a cache when the user asks."""
