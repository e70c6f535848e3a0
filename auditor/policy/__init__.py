"""What a dataset must keep to: the rules, and the decision of a whole policy."""
