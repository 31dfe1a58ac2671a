"""Print what the report of a fault should say: `python -m srcgrad info`."""

import platform
import sys

from srcgrad.compile.files import cache_root, environment


def main(arguments: list[str]) -> int:
    """Run a command and return the exit status."""
    if arguments != ["info"]:
        print("usage: python -m srcgrad info", file=sys.stderr)
        return 2
    print(*environment(native=True), f"system {platform.platform()}", sep="\n")
    print(f"cache {cache_root() or 'in memory'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
