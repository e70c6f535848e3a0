"""Keep-lists of rows to train on, and filtered copies of tars."""
