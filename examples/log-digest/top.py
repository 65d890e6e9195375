"""Print the first elements of a JSON list: `python3 top.py COUNT <all.json >top.json`."""

import json
import sys

elements = json.load(sys.stdin)
json.dump(elements[: int(sys.argv[1])], sys.stdout, indent=2)
print()
