"""The programs of the suite, by name."""

from benchmarks.program import Program
from benchmarks.programs import (
    adbench,
    factors,
    learning,
    linear,
    scalars,
    stencils,
    sweeps,
)

FAMILIES = (linear, factors, stencils, sweeps, learning, adbench, scalars)
PROGRAMS: dict[str, Program] = {
    program.name: program for family in FAMILIES for program in family.PROGRAMS
}
