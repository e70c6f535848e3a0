"""Labelling by people: which images they see, as pictures made safe, on a page served here or exported."""
