"""
The location of a PostgreSQL database, as the setting C{store} has it: a URL or keywords
of libpq.
"""

from __future__ import annotations

import re

#: The beginning of a location.
SCHEME = "postgresql:"
#: The password of a URL, also a malformed one: all from the first colon to the last
#: C{@}.
_PASSWORD = re.compile(r"^(postgresql://[^:@]*:).*(?=@)")
#: The value of a keyword with a password, also in the query of a URL.
_KEYWORD = re.compile(
    r"((?:\bssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'?|[^\s&'][^\s&]*)", re.IGNORECASE
)
_EXAMPLE = "postgresql://ROLE@HOST/DATABASE, or postgresql:host=HOST dbname=DATABASE"


def isDatabase(written: str) -> bool:
    """Return whether a location of a store is a PostgreSQL database."""
    return written.startswith(SCHEME)


def parse(written: str) -> str:
    """
    Parse a location.

    @return: In its normal form, which begins with L{SCHEME}.
    @raise ValueError: It is no location; the message does not repeat it.
    """
    rest = written.partition(":")[2].strip()
    if not rest.startswith("//") and "=" not in rest:
        raise ValueError(f"expected {_EXAMPLE}")
    return SCHEME + rest


def conninfo(location: str) -> str:
    """Return what libpq takes: a URL or keywords."""
    rest = location.removeprefix(SCHEME)
    return location if rest.startswith("//") else rest


def hasPassword(written: str) -> bool:
    """Return whether a location has a password."""
    normal = re.sub(r"^\s*postgres(ql)?\s*:", SCHEME, written)
    return isDatabase(normal) and mask(normal, "") != normal


def mask(location: str, stars: str) -> str:
    """Replace the passwords of a location."""
    return _KEYWORD.sub(rf"\g<1>{stars}", _PASSWORD.sub(rf"\g<1>{stars}", location))
