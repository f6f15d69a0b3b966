"""Two graphs in one layout: contents, folding, positions and drawing."""
