"""Layered layout of a directed graph of boxes: places for boxes, curves and labels for edges.

The steps are those of Sugiyama, Tagawa and Toda ("Methods for visual understanding of hierarchical
system structures", 1981), each by the method that has become usual:

- `ranks`: cycles broken by depth-first search, then the shortest total edge length by the network
  simplex of Gansner, Koutsofios, North and Vo ("A technique for drawing directed graphs", 1993);
- `layers`: a layer for boxes and one for labels in turn, long edges cut into a vertex per layer;
- `order`: barycenters and exchanges of neighbors against crossings, from several starts; crossings
  are counted as inversions (Barth, Mutzel and Jünger, "Simple and efficient bilayer cross
  counting", 2004);
- `coordinates`: Brandes and Köpf ("Fast and simple horizontal coordinate assignment", 2001), blocks
  compacted by longest paths; then labels are moved toward straight lines;
- `routes`: ports on the boxes, and curves that go straight down between boxes and never overshoot
  (Fritsch and Carlson, "Monotone piecewise cubic interpolation", 1980).

Everything is deterministic. The effort is bounded by the numbers of vertices, never by a clock.
"""
