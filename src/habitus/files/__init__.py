"""How files are opened: folders, archives, compression, standard input, and what is damaged."""
