"""The interactive map of taste: the modules and styles of its page, and the data they draw.

Reports and served pages show the same map; the header of ``map-view.js`` says how to serve or
inline its files. What else both share lies here too: colours (``palette.css``), text, facts and
tables (``page.css``, ``coverage.css``, ``parts.html``), and words for the ends of components.
"""
