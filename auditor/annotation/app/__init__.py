"""The page on which people label: images made safe to show, served to this machine or exported as a folder."""
