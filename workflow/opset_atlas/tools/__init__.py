"""What people call beside a run."""
