"""Renderers, one module per output format. Pure functions of an audit and the decision about it."""
