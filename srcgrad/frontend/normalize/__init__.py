"""Rewrites that turn one spelling of control flow into another, one file each.

A rewrite takes the tree of a function and returns a new one. The tree it was given
belongs to a `FunctionSource` and stays as it was.
"""
