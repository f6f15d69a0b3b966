"""What differs between two graphs, before anything is said about why."""
