"""By hand: linear."""
