"""Standard output of a command that makes tables for the gateway's TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The path of standard output, which is the TOML file if the shell appends to that.
STANDARD_OUTPUT = "/dev/fd/1"


def tablesAt(path: str) -> Mapping[str, Any]:
    """
    Return what the file already has to which a table is appended.

    @return: Its keys; empty if it is no file, or no TOML, which the gateway reports.
    """
    try:
        if not os.path.isfile(path):
            return {}
        return tomllib.loads(Path(path).read_text("utf-8-sig"))
    except (OSError, ValueError):
        return {}
