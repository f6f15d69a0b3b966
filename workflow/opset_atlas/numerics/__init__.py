"""Running a file, measuring its results against the reference, and judging the measures."""
