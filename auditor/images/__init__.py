"""What lies in an image file: its container, what it declares of itself, its pixels under limits."""
