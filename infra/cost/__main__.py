"""``python -m infra.cost``. PLAYS= days to play (default 3), COST_URL= a metered stage that runs already."""

import json
import os
import sys

from infra.bench.platform import BenchFailed
from infra.cost import cloud, samples, sheet, text
from infra.cost.prices import CostError
from infra.local.options import ROOT

PLAYS_DEFAULT = 3


def main() -> int:
    """Prints the sheet and writes ``build/cost.json``; 1 and a sentence when it cannot be made."""
    plays = os.environ.get("PLAYS", str(PLAYS_DEFAULT))
    if not plays.isdigit() or not 1 <= int(plays) <= 50:
        print("PLAYS is a number of days from 1 to 50.", file=sys.stderr)
        return 1
    try:
        print(f"playing {plays} days ...", file=sys.stderr, flush=True)
        with samples.platform() as url:
            measured = samples.measure(url, int(plays))
        made = sheet.make(measured, cloud.templates())
    except (CostError, BenchFailed) as error:
        print(error, file=sys.stderr)
        return 1
    print(text.told(made))
    file = ROOT / "build" / "cost.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(text.as_json(made), indent=1) + "\n", encoding="utf-8")
    print(f"\nWritten to {file.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
