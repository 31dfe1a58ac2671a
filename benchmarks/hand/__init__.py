"""Adjoints written by hand, as PERFORMANCE section 12 says: value and gradients.

They were written before anyone looked at what srcgrad emits for these programs. Like a
gradient of srcgrad's, none writes into its arguments.
"""
