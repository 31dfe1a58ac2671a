"""By hand: stencils."""
