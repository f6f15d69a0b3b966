"""Files and messages, used by all other subpackages."""
