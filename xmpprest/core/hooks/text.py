"""Text of a webhook as the text of a message: cleaned, shortened and on one line."""

from __future__ import annotations

import re

from ..stanza.parser import ILLEGAL

#: Stands for the text that was cut off.
ELLIPSIS = "…"

#: Terminal colours and other control sequences (ECMA-48 §5.4), as in the output of
#: build tools.
_CONTROL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[@-Z\\-_])")
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029]")
_SPACE_AT_END = re.compile(r"(?<![ \t])[ \t]++(?=\n)")
_EMPTY_LINES = re.compile(r"\n{3,}")


#: A text without any of these is clean; most are.
_UNCLEAN = re.compile("[\x00-\x09\x0b-\x1f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """
    Remove everything that a message cannot carry or that only a terminal understands.

    A character that XML forbids (XML 1.0 §2.2) becomes U+FFFD.
    """
    if _UNCLEAN.search(text) is None:
        return text
    text = _LINE_END.sub("\n", _CONTROL_SEQUENCE.sub("", text))
    return ILLEGAL.sub("\ufffd", text)


def tidy(text: str) -> str:
    """Remove spaces at line ends, repeated empty lines, and space around the text."""
    if " \n" in text or "\t\n" in text:
        text = _SPACE_AT_END.sub("", text)
    if "\n\n\n" in text:
        text = _EMPTY_LINES.sub("\n\n", text)
    return text.strip()


def oneLine(text: str, limit: int = 200) -> str:
    """
    Return a text as one line.

    @param limit: Maximum length in characters.
    """
    if len(text) <= limit and text.isprintable() and "  " not in text:
        return text.strip()
    # The rest of a long text need not be looked at.
    return shorten(" ".join(clean(text[: limit * 4]).split()), limit)


def shorten(text: str, limit: int) -> str:
    """
    Cut a text off.

    @param limit: Maximum length in characters, with the ellipsis.
    """
    if len(text) <= limit:
        return text
    return text[: limit - 1].rstrip() + ELLIPSIS


def plural(number: int, noun: str) -> str:
    """Return a number with its noun, such as C{"1 alert"} or C{"2 alerts"}."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
