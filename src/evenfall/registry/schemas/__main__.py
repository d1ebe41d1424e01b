"""``python -m evenfall.registry.schemas docs/reference/schemas`` writes the published JSON schemas."""

from __future__ import annotations

import sys
from pathlib import Path

from evenfall.registry.schemas.published import write_schemas


def main(arguments: list[str]) -> int:
    """Write the schemas into the one folder named; return 64 when there is not one."""
    if len(arguments) != 1:
        print("usage: python -m evenfall.registry.schemas FOLDER", file=sys.stderr)
        return 64
    for path in write_schemas(Path(arguments[0])):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
