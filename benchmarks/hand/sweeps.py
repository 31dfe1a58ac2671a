"""By hand: sweeps."""
