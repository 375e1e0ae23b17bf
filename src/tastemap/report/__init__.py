"""One HTML file out of results."""
