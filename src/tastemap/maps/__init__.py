"""The interactive map of taste: the modules and styles of its page, and the data they draw.

Reports and served pages show the same map; the header of ``map-view.js`` says how to serve or
inline its files.
"""
