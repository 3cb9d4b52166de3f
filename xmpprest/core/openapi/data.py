"""Reads the data files of the OpenAPI document, which are part of this package."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML was built without libyaml.
    from yaml import SafeLoader as _Loader


@cache
def load(name: str) -> Any:
    """
    Read a data file. The value is shared and must not be changed.

    @param name: Its name without the directory and the C{.yaml}.
    @return: The value in the file. Any, since each file has a form of its own.
    """
    file = resources.files(__package__) / f"{name}.yaml"
    return yaml.load(file.read_bytes(), _Loader)
