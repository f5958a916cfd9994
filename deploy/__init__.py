"""Everything that puts the system on a machine and starts it."""
