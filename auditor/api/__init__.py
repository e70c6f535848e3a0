"""The public functions, which are the attributes of `auditor`: everything that the command line does."""
