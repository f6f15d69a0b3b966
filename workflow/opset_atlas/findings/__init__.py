"""What the records of a run say together: advice, surprises, coverage."""
