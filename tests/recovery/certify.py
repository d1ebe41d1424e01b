"""Makes the certificates that ship with the package.

Run ``python tests/recovery/certify.py NAME|all|outdated [--simulations 300] [--seed 20240301]``; it writes
one file per family beside the package's loader. A certificate that did not pass is written too: it says what
failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from certified import CERTIFIED

import evenfall.calibration.certificates as shipped
from evenfall.calibration.certificates import certificate, certificate_names

SEED = 20240301
FOLDER = Path(shipped.__file__).parent


def chosen(name: str) -> list[str]:
    """Return the families a name stands for."""
    if name == "all":
        return list(CERTIFIED)
    if name == "outdated":
        known = certificate_names()
        return [one for one in CERTIFIED if one not in known or certificate(one).outdated]
    if name not in CERTIFIED:
        raise SystemExit(f"no family is called {name!r}; there are {', '.join(CERTIFIED)}, all and outdated")
    return [name]


def main() -> int:
    """Make and write certificates; return 1 when one of them did not pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--simulations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    passed = True
    for name in chosen(given.name):
        begun = time.perf_counter()
        made = CERTIFIED[name].certify(given.simulations, given.seed)
        text = json.dumps(made.record, indent=1, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{made}  ({time.perf_counter() - begun:.0f} s)", *made.problems, sep="\n  ", flush=True)
        passed = passed and made.passed
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
