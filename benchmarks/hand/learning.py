"""By hand: learning."""
