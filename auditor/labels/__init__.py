"""What people said of single images: their file, how far they agree, and the estimate that rests on it."""
