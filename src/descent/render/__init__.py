"""Pictures and players, drawn from records and arrays."""
