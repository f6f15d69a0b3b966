"""Graphs as pictures, one or two on one plan: contents, folding, places, and the SVG.

Nothing from outside is needed. `layered` places boxes of which it knows only the sizes.
"""
