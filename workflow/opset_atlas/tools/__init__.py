"""Commands for use outside a run."""
