"""Renderers, one module per output format, and what they share (first_screen, phrases, charts …): pure functions of an
audit and the decision about it.
"""
