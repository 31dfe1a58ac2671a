"""By hand: adbench."""
