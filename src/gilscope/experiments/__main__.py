"""The child of one experiment: from {"name", "seconds", "limit", "changes"} on standard input to raw data in a file."""

import faulthandler
import json
import sys
from pathlib import Path

from gilscope.experiments import Lab, NotHere, load


def main() -> None:
    order = json.load(sys.stdin)
    faulthandler.enable()
    faulthandler.dump_traceback_later(order["limit"], exit=True)
    lab = Lab(order["seconds"])
    try:
        data = load()[order["name"]].run(lab, order["changes"])
        data["machine"] = lab.machine()
    except NotHere as reason:
        data = {"not here": str(reason)}
    Path(sys.argv[1]).write_text(json.dumps(data))


main()
