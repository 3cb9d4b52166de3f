"""The shape of a vCard (XEP-0054): its keys are the names of the elements."""

from __future__ import annotations

from collections.abc import Mapping

from .scalars import STRING, URI, Scalar
from .shapes import Flag, ObjectShape, Slot, Text
from .slots import Child, Children


def _texts(*names: str, scalar: Scalar = STRING) -> dict[str, Slot]:
    """Return the slots of elements that hold a text."""
    return {_key(name): Child(name, Text(scalar)) for name in names}


def _flags(*names: str) -> dict[str, Slot]:
    """Return the slots of empty elements."""
    return {_key(name): Child(name, Flag()) for name in names}


def _key(name: str) -> str:
    return name.lower().replace("-", "_")


_PLACES = ("HOME", "WORK")
_ADDRESS_TYPES = (*_PLACES, "POSTAL", "PARCEL", "DOM", "INTL", "PREF")
_PHONES = (
    *("VOICE", "FAX", "PAGER", "MSG", "CELL", "VIDEO", "BBS", "MODEM", "ISDN", "PCS"),
    "PREF",
)
#: A picture or a sound: its data in Base64, or its address.
_MEDIA = ObjectShape(_texts("TYPE", "BINVAL") | _texts("EXTVAL", scalar=URI))

_SLOTS: Mapping[str, Slot] = {
    **_texts("VERSION", "FN"),
    "n": Child(
        "N", ObjectShape(_texts("FAMILY", "GIVEN", "MIDDLE", "PREFIX", "SUFFIX"))
    ),
    **_texts("NICKNAME"),
    "photo": Child("PHOTO", _MEDIA),
    **_texts("BDAY"),
    "adr": Children(
        "ADR",
        ObjectShape(
            _flags(*_ADDRESS_TYPES)
            | _texts("POBOX", "EXTADD", "STREET", "LOCALITY", "REGION", "PCODE", "CTRY")
        ),
    ),
    "label": Children(
        "LABEL",
        ObjectShape(_flags(*_ADDRESS_TYPES) | {"lines": Children("LINE", Text())}),
    ),
    "tel": Children("TEL", ObjectShape(_flags(*_PLACES, *_PHONES) | _texts("NUMBER"))),
    "email": Children(
        "EMAIL",
        ObjectShape(_flags(*_PLACES, "INTERNET", "PREF", "X400") | _texts("USERID")),
    ),
    **_texts("JABBERID", "MAILER", "TZ"),
    "geo": Child("GEO", ObjectShape(_texts("LAT", "LON"))),
    **_texts("TITLE", "ROLE"),
    "logo": Child("LOGO", _MEDIA),
    "org": Child(
        "ORG", ObjectShape(_texts("ORGNAME") | {"orgunit": Children("ORGUNIT", Text())})
    ),
    "categories": Child(
        "CATEGORIES", ObjectShape({"keyword": Children("KEYWORD", Text())})
    ),
    **_texts("NOTE", "PRODID", "REV", "SORT-STRING"),
    "sound": Child("SOUND", ObjectShape(_texts("PHONETIC", "BINVAL", "EXTVAL"))),
    **_texts("UID"),
    **_texts("URL", scalar=URI),
    **_texts("DESC"),
    "class": Child("CLASS", ObjectShape(_flags("PUBLIC", "PRIVATE", "CONFIDENTIAL"))),
    "key": Child("KEY", ObjectShape(_texts("TYPE", "CRED"))),
}

VCARD = ObjectShape(_SLOTS)
