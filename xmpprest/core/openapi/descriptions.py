"""
What the OpenAPI document says of keys and payloads, in words; the sources of both are
in the table of keys.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Of every key of a stanza, by the key; what only one kind has under that name, by the
#: kind and the key.
KEYS: Mapping[str, str] = {
    # Every kind
    "error": "Why something failed.",
    "delay": "When it was sent, if that was earlier.",
    "nick": "What the sender likes to be called.",
    "payload": "Any JSON, with the name of what it is.",
    "dataform": "A form: to fill in, filled in, or a table of results.",
    "rsm": "Which part of a long list it is, or shall be.",
    # Messages
    "body": "The text that people read.",
    "subject": "The subject; in a room a message with nothing else sets the room's.",
    "thread": "The conversation that it belongs to.",
    "state": "What the sender is doing right now.",
    "html": "The body once more, as XHTML.",
    "oob_url": "A link to a file, which clients show in its place.",
    "oob": "A link to a file, with a description.",
    "replace": "The id of the message that this one corrects.",
    "attach_to": "The id of the message that this one belongs to.",
    "reactions": "All reactions of the sender to a message; an empty list takes them"
    " back.",
    "reply": "The message that this one replies to.",
    "fallback": "Which part of the text is only for clients that do not know better.",
    "reference": "What a part of the text refers to, such as a person.",
    "stanza_ids": "The ids that servers and rooms have given to it.",
    "origin_id": "The id that the sender has given to it.",
    "occupant_id": "Who sent it, in a room, whatever the nick is now.",
    "markable": "The sender wants to know that it was displayed.",
    "displayed": "The id of the last message that was displayed.",
    "receipt_request": "The sender wants to know that it has come.",
    "received": "The id of a message that has come.",
    "encryption": "The namespace of the encryption that hides the text.",
    "hints": "What servers should do with it.",
    "invite": "An invitation into a room.",
    "message archive": "A message out of an archive.",
    "forwarded": "Another message, and when that was sent.",
    "carbon": "What another client of the same user has sent or received.",
    "muc_user": "What a room says of an occupant, an invitation or a change.",
    "retract": "The id of the message that this one takes back.",
    # Presence
    "show": "How available somebody is.",
    "status": "The same in words of one's own.",
    "priority": "Which client of a user gets messages first.",
    "caps": "What the client can do.",
    "join": "It is to enter a room.",
    "muc": "The same with a password, or with how much of what was said before.",
    "vcard_update": "The hash of the picture of the sender.",
    "idle_since": "When the user was last there.",
    # Iqs
    "ping": "Whether somebody is there.",
    "version": "Which software it is.",
    "disco": "What something is, and can do.",
    "items": "What there is at an address; to ask, true or a node.",
    "command": "A command, which may take several steps; its form may be given in"
    " short, as `data`.",
    "stats": "Figures about a server.",
    "lastactivity": "How long somebody has been idle, away, or up.",
    "extdisco": "Services beside XMPP, such as STUN and TURN.",
    "register": "An account, or what is needed for one.",
    "gateway": "The address of somebody on another network.",
    "upload_request": "A file that somebody wants to upload.",
    "upload_slot": "Where it may be uploaded, and is found then.",
    "archive": "A query of an archive: which messages, and which page of them; `with`"
    " to `ids` and `after` to `max` are short for `form` and `page`.",
    "result": "The end of what an archive holds.",
    "time": "The time of day, somewhere.",
    "moderate": "A message that shall disappear from a room.",
}

#: Of what is asked with a payload, by the payload.
QUERIES: Mapping[str, str] = {
    "ping": "Is it there?",
    "version": "Which software is it?",
    "disco": "What is it, and what can it do?",
    "items": "What is there?",
    "command": "Run a command",
    "stats": "How is the server doing?",
    "lastactivity": "How long has it been idle, or up?",
    "oob": "Offer a link",
    "extdisco": "Which STUN, TURN and other services are there?",
    "register": "How does one register?",
    "gateway": "How does one address another network?",
    "upload_request": "Where can a file be uploaded?",
    "upload_slot": "Send a slot, which is a reply's as a rule",
    "archive": "Which messages are in the archive?",
    "result": "Send the end of an archive, which is a reply's as a rule",
    "time": "What time is it there?",
    "moderate": "Remove a message from a room",
    "payload": "Ask in JSON",
}
