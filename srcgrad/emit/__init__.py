"""IR -> text: the readable adjoint, and the kernel that Numba compiles."""
