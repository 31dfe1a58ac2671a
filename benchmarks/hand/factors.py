"""By hand: factors."""
