"""Adjoints written by hand, as PERFORMANCE section 12 says: value and gradients."""
