"""Fetching the images of a dataset's URLs into a cache, if the user asks for it. The URLs are untrusted."""
