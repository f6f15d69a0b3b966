"""The pages of a run, made only from records and tables."""
