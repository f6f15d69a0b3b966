"""What the records of a run add up to: advice, surprises, coverage."""
