"""By hand: scalars."""
