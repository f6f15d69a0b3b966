"""The configuration: read, checked, completed, and handed to each stage in part."""
