"""Labels by people: their file, the sample that is labelled, agreement, and the estimate that rests on them."""
