"""The records of runs and sweeps on disk: training writes them, everything else reads them."""
