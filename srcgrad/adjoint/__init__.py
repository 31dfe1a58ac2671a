"""IR -> IR: the adjoint of a function, forward sweep and backward sweep in one."""
