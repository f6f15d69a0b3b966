"""Where and how work runs: warm workers, isolated child processes, forks, environments."""
