"""By hand: no sweeps yet."""
