"""How the classifier is made: read data, launder, embed, fit, count, export, card. One command; see README.md."""
