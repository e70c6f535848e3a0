"""The images that a report shows: which, and their thumbnails."""
