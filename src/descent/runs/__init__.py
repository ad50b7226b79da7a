"""From a configuration to finished records: single runs, sweeps, seeds and maps of basins."""
