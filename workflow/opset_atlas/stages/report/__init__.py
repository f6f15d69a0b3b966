"""The pages of a run. They read records and tables and nothing else."""
