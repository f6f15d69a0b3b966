"""Where a wrong result begins: the first node whose inputs are right and whose result is not."""
