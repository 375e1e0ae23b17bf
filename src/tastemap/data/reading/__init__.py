"""How `read_ratings` reads: opening files, finding columns, parsing, and telling what is wrong."""
