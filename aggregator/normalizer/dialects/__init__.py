"""How files that were written for other programs are read."""
