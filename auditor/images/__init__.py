"""Reading image files under limits: containers, metadata and pixels."""
