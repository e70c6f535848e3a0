"""Renderers, one module per output format, and what they share (first_screen, phrases, charts …). Pure functions of an audit and the decision about it."""
