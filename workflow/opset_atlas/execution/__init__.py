"""Where and how work runs: warm processes, isolated children, forks, environments."""
