"""The images that a report shows: their selection and their thumbnails."""
