"""Answer from the command line: `info` for a report, `supported` for what is known."""

import platform
import sys

USAGE = """\
usage: python -m srcgrad info                 what the report of a fault should say
       python -m srcgrad supported            all functions, and those that are refused
       python -m srcgrad supported np.einsum  one of them
       python -m srcgrad supported --markdown the table of SUPPORTED.md"""


def main(arguments: list[str]) -> int:
    """Run a command; return 0, 1 if a function is not supported, or 2 for its usage."""
    match arguments:
        case ["info"]:
            return _info()
        case ["supported", "--markdown"]:
            from srcgrad.catalogue import as_markdown

            print(as_markdown(), end="")
            return 0
        case ["supported", *names] if not any(n.startswith("-") for n in names):
            return _supported(names)
    print(USAGE, file=sys.stderr)
    return 2


def _info() -> int:
    from srcgrad.compile.files import cache_root, environment

    print(*environment(native=True), f"system {platform.platform()}", sep="\n")
    print(f"cache {cache_root() or 'in memory'}")
    return 0


def _supported(names: list[str]) -> int:
    from srcgrad.catalogue import supported

    entries = [supported(name) for name in names] if names else supported()
    print(*entries, sep="\n")
    return int(bool(names) and not all(entries))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
