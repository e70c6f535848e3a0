"""Policies: their rules, and the decision of a whole policy about an audit."""
