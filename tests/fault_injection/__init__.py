"""Real faults in real processes: the n-th call of the C library that changes a file fails, or the process is killed."""
