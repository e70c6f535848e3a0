"""How the classifier is made: read data, degrade, embed, fit, count, export, card. One command; see README.md."""
