"""The messages that share uploaded files: the text first, then one for each file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.words.xish.domish import Element

from ..codec.records import errorToJSON
from ..codec.table import STANZAS
from ..errors import unprocessable
from ..media.values import Value
from ..records import Outcome
from ..stanza import namespaces as ns
from ..stanza.build import elements, firstChild, make, withAttributes
from .slot import FileDetails

#: About the bytes of a message with a file, before its URL is known.
MESSAGE_SIZE = 1500


@dataclass(frozen=True, slots=True)
class SharedFile:
    """
    A file that is uploaded.

    @ivar url: The URL from which everybody can download it.
    """

    details: FileDetails
    url: str

    @property
    def value(self) -> dict[str, Value]:
        """The JSON form."""
        details = self.details
        return {
            "url": self.url,
            "name": details.name,
            "size": details.size,
            "type": details.type,
            "sha-256": details.sha256,
        }


def requireMessage(stanza: Element) -> None:
    """
    Check that a stanza can have files.

    @raise Refusal: 422, it is no message.
    """
    if stanza.name != "message":
        raise unprocessable(
            "bad-format", "Only a message can have files; send them in a message."
        )


def messageCount(message: Element, files: int) -> int:
    """Return how many messages L{messagesOf} makes of a message with files."""
    return files + _hasText(message)


def messagesOf(
    message: Element, files: Sequence[SharedFile], newID: Callable[[], str]
) -> list[Element]:
    """
    Make the messages that share files.

    @param message: A complete message with its text. If it has no body, the first file
        takes its place, with all of its other content.
    @param newID: Makes ids; the first message has that of the given one.
    """
    thread = [each for each in elements(message) if each.name == "thread"]
    if _hasText(message):
        return [message, *(_message(message, newID(), thread, each) for each in files)]
    content = [each for each in elements(message) if each.name != "body"]
    first = _message(message, message["id"], content, files[0])
    return [first, *(_message(message, newID(), thread, each) for each in files[1:])]


def _hasText(message: Element) -> bool:
    """Return whether a message has a body that is not empty."""
    return any(each.name == "body" and str(each) for each in elements(message))


def _message(
    like: Element, id: str, content: Sequence[Element | str], file: SharedFile
) -> Element:
    """
    Make the message of one file, which clients show in place of the URL.

    @param like: A message with the same addresses, type and language.
    @param content: Further content.
    """
    shared = STANZAS.decode(
        {
            "kind": "message",
            "body": file.url,
            "oob": {"url": file.url},
            "files": [file.value],
        }
    )
    made = withAttributes(like, id=id)
    return make(
        "message", made.attributes, [*shared.children, *content], like.localPrefixes
    )


@dataclass(slots=True)
class SentMessage:
    """
    A message of several that belong together.

    @ivar location: The path of its status; C{None} if it is not stored.
    @ivar file: The file that it shares, if any.
    """

    id: str
    location: str | None
    file: SharedFile | None


def sentJSON(
    sent: Sequence[SentMessage], outcomes: Sequence[Outcome]
) -> dict[str, Value]:
    """
    Return the JSON form of the response to messages that belong together. C{id} and
    C{state} are those of the first, as for a message without files.
    """
    messages: list[Value] = []
    for each, outcome in zip(sent, outcomes, strict=True):
        value: dict[str, Value] = {"id": each.id, "state": outcome.state}
        if each.location is not None:
            value["location"] = each.location
        if each.file is not None:
            value["file"] = each.file.value
        if outcome.error is not None:
            report = firstChild(outcome.error, ns.CLIENT, "error")
            value["error"] = {} if report is None else errorToJSON(report)
        messages.append(value)
    return {"id": sent[0].id, "state": outcomes[0].state, "messages": messages}
