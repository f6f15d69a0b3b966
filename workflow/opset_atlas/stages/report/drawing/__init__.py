"""Two graphs on one plan: what is in it, what is folded away, where it stands, how it looks."""
