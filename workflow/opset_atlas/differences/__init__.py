"""What differs between two graphs, without the causes."""
