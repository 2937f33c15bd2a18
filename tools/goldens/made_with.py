"""Which script made a golden folder, and with which libraries."""

import json
import pathlib
import sys
from importlib import metadata

LIBRARIES = ("torch", "diffusers")


def record_script(folder: pathlib.Path) -> None:
    """Writes the running script and the libraries' versions into the folder's made_with.json."""
    record = {"script": f"tools/goldens/{pathlib.Path(sys.argv[0]).name}"}
    record |= {name: metadata.version(name) for name in LIBRARIES}
    (folder / "made_with.json").write_text(json.dumps(record, indent=2) + "\n")
