"""Renderers: one output format a module. Pure functions of an audit and the decision about it."""
