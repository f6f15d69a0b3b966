"""Files and messages: what every room needs."""
