"""
Stanzas and their JSON form, side by side: data for L{tests.core.codec.test_table}.

The stanzas are examples of the specifications, less what no key can say. White space
between elements is for people; C{compact} takes it out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from twisted.words.xish.domish import Element

from tests.support.canonical import Canonical, canonical
from xmpprest.core.stanza import namespaces as ns


class Pair(NamedTuple):
    """
    @ivar source: Where the stanza comes from, or what the JSON has of its own.
    @ivar value: The JSON form. Any, since a literal of nested lists and objects is
        to mypy no L{xmpprest.core.media.values.Value}.
    @ivar stanza: The XML.
    """

    source: str
    value: Mapping[str, Any]
    stanza: str


def compact(stanza: str) -> str:
    """A stanza as it would be on the wire: without white space between elements."""
    return re.sub(r">\s+<", "><", stanza.strip())


#: The attributes of a stanza that its JSON form has.
_OWN = frozenset({("", "to"), ("", "from"), ("", "id"), ("", "type"), (ns.XML, "lang")})
_NORMAL = (("", "type"), "normal")


def kept(stanza: Element) -> Canonical:
    """
    Return the part of a stanza that its JSON form has to hold
    (docs/reference/json.rst): without other attributes than its own, without white
    space between its children, and with the type normal for a message without a type.
    """
    uri, name, attributes, content = canonical(stanza)
    implied = _NORMAL if name == "message" else None
    return (
        uri,
        name,
        tuple(a for a in attributes if a[0] in _OWN and a != implied),
        tuple(
            each for each in content if not isinstance(each, str) or each.strip(_SPACE)
        ),
    )


#: XML 1.0 §2.3
_SPACE = " \t\r\n"


#: Each says the same as the other, and both ways.
PAIRS = (
    # --- keys of every kind ---
    Pair(
        "RFC 6120 §8.3.2",
        {
            "kind": "presence",
            "type": "error",
            "from": "juliet@example.com/balcony",
            "to": "romeo@example.net",
            "id": "y2bs71v4",
            "error": {
                "type": "modify",
                "by": "example.com",
                "code": 302,
                "condition": "undefined-condition",
                "text": "Some special application diagnostic information...",
                "lang": "en",
            },
        },
        """
        <presence from='juliet@example.com/balcony' id='y2bs71v4'
            to='romeo@example.net' type='error'>
          <error type='modify' by='example.com' code='302'>
            <undefined-condition xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
            <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'
              xml:lang='en'>Some special application diagnostic information...</text>
          </error>
        </presence>
        """,
    ),
    Pair(
        "RFC 6120 §8.3.3.6",
        {
            "kind": "iq",
            "type": "error",
            "from": "im.example.com",
            "to": "juliet@im.example.com/balcony",
            "id": "zj3v142b",
            "error": {"type": "wait", "condition": "internal-server-error"},
        },
        """
        <iq from='im.example.com' id='zj3v142b' to='juliet@im.example.com/balcony'
            type='error'>
          <error type='wait'>
            <internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
          </error>
        </iq>
        """,
    ),
    Pair(
        "XEP-0203",
        {
            "kind": "presence",
            "type": "available",
            "from": "juliet@capulet.com/balcony",
            "to": "romeo@montague.net",
            "status": "anon!",
            "show": "xa",
            "priority": 1,
            "delay": "2002-09-10T23:41:07Z",
        },
        """
        <presence from='juliet@capulet.com/balcony' to='romeo@montague.net'>
          <status>anon!</status>
          <show>xa</show>
          <priority>1</priority>
          <delay xmlns='urn:xmpp:delay' stamp='2002-09-10T23:41:07Z'/>
        </presence>
        """,
    ),
    Pair(
        "XEP-0172",
        {
            "kind": "presence",
            "type": "subscribe",
            "from": "narrator@moby-dick.lit",
            "to": "starbuck@moby-dick.lit",
            "nick": "Ishmael",
        },
        """
        <presence from='narrator@moby-dick.lit' to='starbuck@moby-dick.lit'
            type='subscribe'>
          <nick xmlns='http://jabber.org/protocol/nick'>Ishmael</nick>
        </presence>
        """,
    ),
    Pair(
        "XEP-0432",
        {
            "kind": "message",
            "type": "chat",
            "from": "alice@example.org/a5d8",
            "to": "bot@example.org",
            "lang": "en",
            "payload": {
                "datatype": "urn:example:temperature",
                "data": {"unit": "°C", "values": [21, 21.5, None, True], "by": {}},
            },
        },
        """
        <message from='alice@example.org/a5d8' to='bot@example.org' type='chat'
            xml:lang='en'>
          <payload xmlns='urn:xmpp:json-msg:0' datatype='urn:example:temperature'>
            <json xmlns='urn:xmpp:json:0'>"""
        """{"unit": "°C", "values": [21, 21.5, null, true], "by": {}}</json>
          </payload>
        </message>
        """,
    ),
    Pair(
        "XEP-0004, a form",
        {
            "kind": "message",
            "type": "normal",
            "from": "joogle@botster.shakespeare.lit",
            "to": "romeo@montague.net/home",
            "dataform": {
                "type": "form",
                "title": "Bot Configuration",
                "instructions": "Fill out this form to configure your new bot!",
                "fields": [
                    {"type": "hidden", "var": "FORM_TYPE", "value": "jabber:bot"},
                    {"type": "fixed", "value": "Section 1: Bot Info"},
                    {"type": "text-single", "label": "The name", "var": "botname"},
                    {
                        "type": "text-multi",
                        "label": "Helpful description of your bot",
                        "var": "description",
                        "value": "It tells jokes.\nNone of them is new.",
                    },
                    {
                        "type": "boolean",
                        "label": "Public bot?",
                        "var": "public",
                        "required": True,
                    },
                    {"type": "text-private", "var": "password", "value": "s3cret"},
                    {
                        "type": "list-multi",
                        "label": "What features will the bot support?",
                        "var": "features",
                        "desc": "As many as you like",
                        "options": [
                            {"label": "Contests", "value": "contests"},
                            {"label": "News", "value": "news"},
                            {"value": "polls"},
                        ],
                        "value": ["news", "polls"],
                    },
                    {
                        "type": "list-single",
                        "var": "maxsubs",
                        "value": "20",
                        "options": [
                            {"label": "10", "value": "10"},
                            {"label": "20", "value": "20"},
                        ],
                    },
                    {"type": "jid-multi", "var": "invitelist", "value": ["a@b", "c@d"]},
                    {"type": "jid-single", "var": "owner", "value": "juliet@capulet"},
                ],
            },
        },
        """
        <message from='joogle@botster.shakespeare.lit' to='romeo@montague.net/home'>
          <x xmlns='jabber:x:data' type='form'>
            <title>Bot Configuration</title>
            <instructions>Fill out this form to configure your new bot!</instructions>
            <field type='hidden' var='FORM_TYPE'><value>jabber:bot</value></field>
            <field type='fixed'><value>Section 1: Bot Info</value></field>
            <field type='text-single' label='The name' var='botname'/>
            <field type='text-multi' label='Helpful description of your bot'
                var='description'>
              <value>It tells jokes.</value>
              <value>None of them is new.</value>
            </field>
            <field type='boolean' label='Public bot?' var='public'>
              <required/>
            </field>
            <field type='text-private' var='password'><value>s3cret</value></field>
            <field type='list-multi' label='What features will the bot support?'
                var='features'>
              <desc>As many as you like</desc>
              <option label='Contests'><value>contests</value></option>
              <option label='News'><value>news</value></option>
              <option><value>polls</value></option>
              <value>news</value>
              <value>polls</value>
            </field>
            <field type='list-single' var='maxsubs'>
              <value>20</value>
              <option label='10'><value>10</value></option>
              <option label='20'><value>20</value></option>
            </field>
            <field type='jid-multi' var='invitelist'>
              <value>a@b</value>
              <value>c@d</value>
            </field>
            <field type='jid-single' var='owner'><value>juliet@capulet</value></field>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0004, several results",
        {
            "kind": "message",
            "type": "normal",
            "from": "joogle@botster.shakespeare.lit",
            "dataform": {
                "type": "result",
                "title": "Joogle Search: verona",
                "reported": [
                    {"var": "name", "label": "Name"},
                    {"var": "url", "label": "Address", "type": "text-single"},
                ],
                "items": [
                    {"name": "Comune di Verona", "url": "http://www.comune.verona.it/"},
                    {"name": ["Verona", "Firenze"], "url": []},
                ],
            },
        },
        """
        <message from='joogle@botster.shakespeare.lit'>
          <x xmlns='jabber:x:data' type='result'>
            <title>Joogle Search: verona</title>
            <reported>
              <field var='name' label='Name'/>
              <field var='url' label='Address' type='text-single'/>
            </reported>
            <item>
              <field var='name'><value>Comune di Verona</value></field>
              <field var='url'><value>http://www.comune.verona.it/</value></field>
            </item>
            <item>
              <field var='name'><value>Verona</value><value>Firenze</value></field>
              <field var='url'/>
            </item>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0059, alone",
        {
            "kind": "iq",
            "type": "set",
            "to": "users.jabber.org",
            "rsm": {"max": 10, "after": "peterpan@neverland.lit"},
        },
        """
        <iq type='set' to='users.jabber.org'>
          <set xmlns='http://jabber.org/protocol/rsm'>
            <max>10</max>
            <after>peterpan@neverland.lit</after>
          </set>
        </iq>
        """,
    ),
    Pair(
        "XEP-0059",
        {"kind": "iq", "type": "set", "rsm": {"max": 10, "index": 371, "before": ""}},
        """
        <iq type='set'>
          <set xmlns='http://jabber.org/protocol/rsm'>
            <max>10</max>
            <index>371</index>
            <before/>
          </set>
        </iq>
        """,
    ),
    Pair(
        "XEP-0059, a result",
        {
            "kind": "iq",
            "type": "result",
            "rsm": {
                "first": "stpeter@jabber.org",
                "last": "peterpan@neverland.lit",
                "count": 800,
                "index": 0,
            },
        },
        """
        <iq type='result'>
          <set xmlns='http://jabber.org/protocol/rsm'>
            <first index='0'>stpeter@jabber.org</first>
            <last>peterpan@neverland.lit</last>
            <count>800</count>
          </set>
        </iq>
        """,
    ),
    # --- messages ---
    Pair(
        "RFC 6121 §5.2",
        {
            "kind": "message",
            "type": "chat",
            "from": "juliet@example.com/balcony",
            "to": "romeo@example.net",
            "id": "ktx72v49",
            "lang": "en",
            "subject": "I implore you!",
            "body": "Art thou not Romeo, and a Montague?",
            "thread": {
                "id": "0e3141cd80894871a68e6fe6b1ec56fa",
                "parent": "e0ffe42b28561960c6b12b944a092794b9683a38",
            },
        },
        """
        <message from='juliet@example.com/balcony' id='ktx72v49'
            to='romeo@example.net' type='chat' xml:lang='en'>
          <subject>I implore you!</subject>
          <body>Art thou not Romeo, and a Montague?</body>
          <thread parent='e0ffe42b28561960c6b12b944a092794b9683a38'"""
        """>0e3141cd80894871a68e6fe6b1ec56fa</thread>
        </message>
        """,
    ),
    Pair(
        "RFC 6121 §5.2.5",
        {"kind": "message", "type": "normal", "thread": {"id": "act2"}, "body": ""},
        "<message><thread>act2</thread><body/></message>",
    ),
    Pair(
        "XEP-0085",
        {
            "kind": "message",
            "type": "chat",
            "thread": {"id": "act2scene2chat1"},
            "state": "composing",
        },
        """
        <message type='chat'>
          <thread>act2scene2chat1</thread>
          <composing xmlns='http://jabber.org/protocol/chatstates'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0071",
        {
            "kind": "message",
            "type": "normal",
            "body": "hey, are you having fun with XHTML-IM?",
            "html": "<body><p style='color:green'>hey, are you having <em>fun</em>"
            " with <a href='http://xmpp.org/?a&amp;b'>XHTML-IM</a>?<br/></p></body>",
        },
        """
        <message>
          <body>hey, are you having fun with XHTML-IM?</body>
          <html xmlns='http://jabber.org/protocol/xhtml-im'>
            <body xmlns='http://www.w3.org/1999/xhtml'><p style='color:green'>"""
        """hey, are you having <em>fun</em> with """
        """<a href='http://xmpp.org/?a&amp;b'>XHTML-IM</a>?<br/></p></body>
          </html>
        </message>
        """,
    ),
    Pair(
        "XEP-0066",
        {
            "kind": "message",
            "type": "normal",
            "from": "stpeter@jabber.org/work",
            "to": "MaineBoy@jabber.org/home",
            "body": "Yeah, but do you have a license to Jabber?",
            "oob_url": "http://www.jabber.org/images/psa-license.jpg",
            "oob": {"url": "http://www.jabber.org/images/psa-license.jpg"},
            "files": [{"url": "http://www.jabber.org/images/psa-license.jpg"}],
        },
        """
        <message from='stpeter@jabber.org/work' to='MaineBoy@jabber.org/home'>
          <body>Yeah, but do you have a license to Jabber?</body>
          <x xmlns='jabber:x:oob'>
            <url>http://www.jabber.org/images/psa-license.jpg</url>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0066, described",
        {
            "kind": "message",
            "type": "normal",
            "oob_url": "http://www.jabber.org/images/psa-license.jpg",
            "oob": {
                "url": "http://www.jabber.org/images/psa-license.jpg",
                "desc": "A license to Jabber!",
            },
            "files": [
                {
                    "url": "http://www.jabber.org/images/psa-license.jpg",
                    "desc": "A license to Jabber!",
                }
            ],
        },
        """
        <message>
          <x xmlns='jabber:x:oob'>
            <url>http://www.jabber.org/images/psa-license.jpg</url>
            <desc>A license to Jabber!</desc>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0447, with fallback",
        {
            "kind": "message",
            "type": "normal",
            "to": "juliet@shakespeare.lit",
            "from": "romeo@montague.lit/resource",
            "id": "sharing-a-file",
            "files": [
                {
                    "disposition": "inline",
                    "type": "image/jpeg",
                    "name": "summit.jpg",
                    "size": 3032449,
                    "width": 4096,
                    "height": 2160,
                    "sha-256": (
                        "2cf24dba5fb0a30e26e83b2ac5b9e29e"
                        "1b161e5c1fa7425e73043362938b9824"
                    ),
                    "desc": "Photo from the summit.",
                    "url": "https://download.montague.lit/4a771ac1/summit.jpg",
                }
            ],
            "body": "https://download.montague.lit/4a771ac1/summit.jpg",
            "oob_url": "https://download.montague.lit/4a771ac1/summit.jpg",
            "oob": {"url": "https://download.montague.lit/4a771ac1/summit.jpg"},
        },
        """
        <message to='juliet@shakespeare.lit' from='romeo@montague.lit/resource'
            id='sharing-a-file'>
          <file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'>
            <file xmlns='urn:xmpp:file:metadata:0'>
              <media-type>image/jpeg</media-type>
              <name>summit.jpg</name>
              <size>3032449</size>
              <width>4096</width>
              <height>2160</height>
              <hash xmlns='urn:xmpp:hashes:2'
                algo='sha-256'>LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=</hash>
              <desc>Photo from the summit.</desc>
            </file>
            <sources>
              <url-data xmlns='http://jabber.org/protocol/url-data'
                target='https://download.montague.lit/4a771ac1/summit.jpg'/>
            </sources>
          </file-sharing>
          <body>https://download.montague.lit/4a771ac1/summit.jpg</body>
          <x xmlns='jabber:x:oob'>
            <url>https://download.montague.lit/4a771ac1/summit.jpg</url>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0447 and XEP-0446: two files, several sources, a link to another file",
        {
            "kind": "message",
            "type": "normal",
            "files": [
                {
                    "name": "talk.ogg",
                    "date": "2015-07-26T21:46:00+01:00",
                    "length": 63000,
                    "url": "https://a.example/talk.ogg",
                    "mirrors": ["https://b.example/t", "ftp://c.example/talk.ogg"],
                },
                {"size": 0, "url": "https://a.example/empty"},
                {"url": "https://d.example/e"},
            ],
            "oob_url": "https://d.example/e",
            "oob": {"url": "https://d.example/e"},
        },
        """
        <message>
          <file-sharing xmlns='urn:xmpp:sfs:0'>
            <file xmlns='urn:xmpp:file:metadata:0'>
              <name>talk.ogg</name>
              <date>2015-07-26T21:46:00+01:00</date>
              <length>63000</length>
            </file>
            <sources>
              <url-data xmlns='http://jabber.org/protocol/url-data'
                target='https://a.example/talk.ogg'/>
              <url-data xmlns='http://jabber.org/protocol/url-data'
                target='https://b.example/t'/>
              <url-data xmlns='http://jabber.org/protocol/url-data'
                target='ftp://c.example/talk.ogg'/>
            </sources>
          </file-sharing>
          <file-sharing xmlns='urn:xmpp:sfs:0'>
            <file xmlns='urn:xmpp:file:metadata:0'>
              <size>0</size>
            </file>
            <sources>
              <url-data xmlns='http://jabber.org/protocol/url-data'
                target='https://a.example/empty'/>
            </sources>
          </file-sharing>
          <x xmlns='jabber:x:oob'>
            <url>https://d.example/e</url>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0308",
        {
            "kind": "message",
            "type": "normal",
            "to": "juliet@capulet.net/balcony",
            "id": "good1",
            "body": "But soft, what light through yonder window breaks?",
            "replace": "bad1",
        },
        """
        <message to='juliet@capulet.net/balcony' id='good1'>
          <body>But soft, what light through yonder window breaks?</body>
          <replace id='bad1' xmlns='urn:xmpp:message-correct:0'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0367",
        {
            "kind": "message",
            "type": "normal",
            "to": "juliet@capulet.net/balcony",
            "id": "attachment1",
            "body": "http://example.com/image.jpg",
            "attach_to": "originalMessage1",
        },
        """
        <message to='juliet@capulet.net/balcony' id='attachment1'>
          <body>http://example.com/image.jpg</body>
          <attach-to id='originalMessage1' xmlns='urn:xmpp:message-attaching:1'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0444, with XEP-0334",
        {
            "kind": "message",
            "type": "chat",
            "to": "romeo@capulet.net/orchard",
            "id": "96d73204-a57a-11e9-88b8-4889e7820c76",
            "reactions": {
                "id": "744f6e18-a57a-11e9-a656-4889e7820c76",
                "reactions": ["\U0001f44b", "\U0001f422"],
            },
            "hints": ["store"],
        },
        """
        <message to='romeo@capulet.net/orchard' type='chat'
            id='96d73204-a57a-11e9-88b8-4889e7820c76'>
          <reactions id='744f6e18-a57a-11e9-a656-4889e7820c76'
              xmlns='urn:xmpp:reactions:0'>
            <reaction>\U0001f44b</reaction>
            <reaction>\U0001f422</reaction>
          </reactions>
          <store xmlns='urn:xmpp:hints'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0461, with XEP-0428",
        {
            "kind": "message",
            "type": "groupchat",
            "to": "room@example.com",
            "id": "message-id2",
            "body": "> Anna wrote:\n> Hi, how are you?\nGreat",
            "subject": "> Hi\nRe",
            "reply": {"to": "anna@example.com", "id": "message-id1"},
            "fallback": {
                "for": "urn:xmpp:reply:0",
                "body": {"start": 0, "end": 33},
                "subject": {"start": 0, "end": 5},
            },
        },
        """
        <message to='room@example.com' id='message-id2' type='groupchat'>
          <body>&gt; Anna wrote:\n&gt; Hi, how are you?\nGreat</body>
          <subject>&gt; Hi\nRe</subject>
          <reply to='anna@example.com' id='message-id1' xmlns='urn:xmpp:reply:0'/>
          <fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'>
            <body start='0' end='33'/>
            <subject start='0' end='5'/>
          </fallback>
        </message>
        """,
    ),
    Pair(
        "XEP-0372",
        {
            "kind": "message",
            "type": "normal",
            "to": "room@chat.shakespeare.lit",
            "body": "But O, what lies are told by Juliet",
            "reference": {
                "type": "mention",
                "begin": 29,
                "end": 35,
                "uri": "xmpp:juliet@capulet.lit",
                "anchor": "xmpp:room@chat.shakespeare.lit?id=1",
            },
        },
        """
        <message to='room@chat.shakespeare.lit'>
          <body>But O, what lies are told by Juliet</body>
          <reference xmlns='urn:xmpp:reference:0' begin='29' end='35' type='mention'
            uri='xmpp:juliet@capulet.lit' anchor='xmpp:room@chat.shakespeare.lit?id=1'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0359",
        {
            "kind": "message",
            "type": "groupchat",
            "to": "room@muc.example.org",
            "from": "room@muc.example.org/nick",
            "body": "Typical body text",
            "stanza_ids": [
                {"id": "de305d54-75b4-431b-adb2-eb6b9e546013", "by": "muc.example.org"},
                {"id": "5f3dbc5e-e1d3-4077-a492-693f3769c7ad", "by": "example.org"},
            ],
            "origin_id": "de305d54-75b4-431b-adb2-eb6b9e546013",
            "occupant_id": "dd72603deec90a38ba552f7c68cbcc61bca202cd",
        },
        """
        <message type='groupchat' to='room@muc.example.org'
            from='room@muc.example.org/nick'>
          <body>Typical body text</body>
          <stanza-id xmlns='urn:xmpp:sid:0' by='muc.example.org'
            id='de305d54-75b4-431b-adb2-eb6b9e546013'/>
          <stanza-id xmlns='urn:xmpp:sid:0' by='example.org'
            id='5f3dbc5e-e1d3-4077-a492-693f3769c7ad'/>
          <origin-id xmlns='urn:xmpp:sid:0' id='de305d54-75b4-431b-adb2-eb6b9e546013'/>
          <occupant-id xmlns='urn:xmpp:occupant-id:0'
            id='dd72603deec90a38ba552f7c68cbcc61bca202cd'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0333",
        {
            "kind": "message",
            "type": "normal",
            "from": "northumberland@shakespeare.lit/westminster",
            "to": "kingrichard@royalty.england.lit/throne",
            "id": "message-1",
            "thread": {"id": "sleeping"},
            "body": "My lord, dispatch; read o'er these articles.",
            "markable": True,
        },
        """
        <message from='northumberland@shakespeare.lit/westminster' id='message-1'
            to='kingrichard@royalty.england.lit/throne'>
          <thread>sleeping</thread>
          <body>My lord, dispatch; read o'er these articles.</body>
          <markable xmlns='urn:xmpp:chat-markers:0'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0333",
        {
            "kind": "message",
            "type": "normal",
            "from": "kingrichard@royalty.england.lit/throne",
            "id": "message-2",
            "displayed": "message-1",
        },
        """
        <message from='kingrichard@royalty.england.lit/throne' id='message-2'>
          <displayed xmlns='urn:xmpp:chat-markers:0' id='message-1'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0184",
        {
            "kind": "message",
            "type": "normal",
            "from": "northumberland@shakespeare.lit/westminster",
            "to": "kingrichard@royalty.england.lit/throne",
            "id": "richard2-4.1.247",
            "body": "My lord, dispatch; read o'er these articles.",
            "receipt_request": True,
        },
        """
        <message from='northumberland@shakespeare.lit/westminster'
            id='richard2-4.1.247' to='kingrichard@royalty.england.lit/throne'>
          <body>My lord, dispatch; read o'er these articles.</body>
          <request xmlns='urn:xmpp:receipts'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0184",
        {
            "kind": "message",
            "type": "normal",
            "from": "kingrichard@royalty.england.lit/throne",
            "to": "northumberland@shakespeare.lit/westminster",
            "id": "bi29sg183b4v",
            "received": "richard2-4.1.247",
        },
        """
        <message from='kingrichard@royalty.england.lit/throne' id='bi29sg183b4v'
            to='northumberland@shakespeare.lit/westminster'>
          <received xmlns='urn:xmpp:receipts' id='richard2-4.1.247'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0380, with XEP-0334",
        {
            "kind": "message",
            "type": "normal",
            "to": "romeo@montague.lit",
            "body": "This message is encrypted with OTR.",
            "encryption": "urn:xmpp:otr:0",
            "hints": ["no-permanent-store", "no-copy", "no-store"],
        },
        """
        <message to='romeo@montague.lit'>
          <body>This message is encrypted with OTR.</body>
          <encryption xmlns='urn:xmpp:eme:0' namespace='urn:xmpp:otr:0'/>
          <no-permanent-store xmlns='urn:xmpp:hints'/>
          <no-copy xmlns='urn:xmpp:hints'/>
          <no-store xmlns='urn:xmpp:hints'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0249",
        {
            "kind": "message",
            "type": "normal",
            "from": "crone1@shakespeare.lit/desktop",
            "to": "hecate@shakespeare.lit",
            "invite": {
                "continue": True,
                "jid": "darkcave@macbeth.shakespeare.lit",
                "password": "cauldronburn",
                "reason": "Hey Hecate, this is the place for all good witches!",
                "thread": "e0ffe42b28561960c6b12b944a092794b9683a38",
            },
        },
        """
        <message from='crone1@shakespeare.lit/desktop' to='hecate@shakespeare.lit'>
          <x xmlns='jabber:x:conference' continue='true'
            jid='darkcave@macbeth.shakespeare.lit' password='cauldronburn'
            reason='Hey Hecate, this is the place for all good witches!'
            thread='e0ffe42b28561960c6b12b944a092794b9683a38'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0313",
        {
            "kind": "message",
            "type": "normal",
            "to": "juliet@capulet.lit/chamber",
            "id": "aeb213",
            "archive": {
                "queryid": "f27",
                "id": "28482-98726-73623",
                "forward": {
                    "delay": "2010-07-10T23:08:25Z",
                    "message": {
                        "kind": "message",
                        "type": "chat",
                        "from": "witch@shakespeare.lit",
                        "to": "macbeth@shakespeare.lit",
                        "body": "Hail to thee",
                    },
                },
            },
        },
        """
        <message id='aeb213' to='juliet@capulet.lit/chamber'>
          <result xmlns='urn:xmpp:mam:2' queryid='f27' id='28482-98726-73623'>
            <forwarded xmlns='urn:xmpp:forward:0'>
              <delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>
              <message xmlns='jabber:client' from='witch@shakespeare.lit'
                  to='macbeth@shakespeare.lit' type='chat'>
                <body>Hail to thee</body>
              </message>
            </forwarded>
          </result>
        </message>
        """,
    ),
    Pair(
        "XEP-0297",
        {
            "kind": "message",
            "type": "normal",
            "to": "mercutio@verona.lit",
            "forwarded": {
                "delay": "2002-09-10T23:08:25Z",
                "delay_from": "capulet.com",
                "message": {"kind": "message", "type": "chat", "body": "Yet I should"},
            },
        },
        """
        <message to='mercutio@verona.lit'>
          <forwarded xmlns='urn:xmpp:forward:0'>
            <delay xmlns='urn:xmpp:delay' from='capulet.com'
                stamp='2002-09-10T23:08:25Z'/>
            <message xmlns='jabber:client' type='chat'>
              <body>Yet I should</body>
            </message>
          </forwarded>
        </message>
        """,
    ),
    Pair(
        "XEP-0297",
        {
            "kind": "message",
            "type": "normal",
            "to": "mercutio@verona.lit",
            "from": "romeo@montague.lit/orchard",
            "id": "28gs",
            "body": "A most courteous exposition!",
            "forwarded": {
                "delay": "2010-07-10T23:08:25Z",
                "message": {
                    "kind": "message",
                    "type": "chat",
                    "from": "juliet@capulet.lit/orchard",
                    "to": "romeo@montague.lit",
                    "id": "0202197",
                    "body": "Yet I should kill thee with much cherishing.",
                    "nick": "Juliet",
                },
            },
        },
        """
        <message to='mercutio@verona.lit' from='romeo@montague.lit/orchard' id='28gs'>
          <body>A most courteous exposition!</body>
          <forwarded xmlns='urn:xmpp:forward:0'>
            <delay xmlns='urn:xmpp:delay' stamp='2010-07-10T23:08:25Z'/>
            <message from='juliet@capulet.lit/orchard' id='0202197'
                to='romeo@montague.lit' type='chat' xmlns='jabber:client'>
              <body>Yet I should kill thee with much cherishing.</body>
              <nick xmlns='http://jabber.org/protocol/nick'>Juliet</nick>
            </message>
          </forwarded>
        </message>
        """,
    ),
    Pair(
        "XEP-0280",
        {
            "kind": "message",
            "type": "chat",
            "from": "romeo@montague.example",
            "to": "romeo@montague.example/garden",
            "carbon": {
                "direction": "received",
                "forwarded": {
                    "message": {
                        "kind": "message",
                        "type": "chat",
                        "from": "juliet@capulet.example/balcony",
                        "to": "romeo@montague.example/garden",
                        "body": "What man art thou that, thus bescreen'd in night",
                        "thread": {"id": "0e3141cd80894871a68e6fe6b1ec56fa"},
                    }
                },
            },
        },
        """
        <message from='romeo@montague.example' to='romeo@montague.example/garden'
            type='chat'>
          <received xmlns='urn:xmpp:carbons:2'>
            <forwarded xmlns='urn:xmpp:forward:0'>
              <message xmlns='jabber:client' from='juliet@capulet.example/balcony'
                  to='romeo@montague.example/garden' type='chat'>
                <body>What man art thou that, thus bescreen'd in night</body>
                <thread>0e3141cd80894871a68e6fe6b1ec56fa</thread>
              </message>
            </forwarded>
          </received>
        </message>
        """,
    ),
    Pair(
        "XEP-0280, its type left out",
        {
            "kind": "message",
            "type": "normal",
            "carbon": {
                "direction": "sent",
                "forwarded": {
                    "message": {"kind": "message", "type": "normal", "body": "Hi"}
                },
            },
        },
        """
        <message>
          <sent xmlns='urn:xmpp:carbons:2'>
            <forwarded xmlns='urn:xmpp:forward:0'>
              <message xmlns='jabber:client'><body>Hi</body></message>
            </forwarded>
          </sent>
        </message>
        """,
    ),
    Pair(
        "XEP-0045, an invitation",
        {
            "kind": "message",
            "type": "normal",
            "from": "coven@chat.shakespeare.lit",
            "to": "hecate@shakespeare.lit",
            "muc_user": {
                "invite": {
                    "from": "crone1@shakespeare.lit/desktop",
                    "reason": "Hey Hecate, this is the place for all good witches!",
                },
                "password": "cauldronburn",
            },
        },
        """
        <message from='coven@chat.shakespeare.lit' to='hecate@shakespeare.lit'>
          <x xmlns='http://jabber.org/protocol/muc#user'>
            <invite from='crone1@shakespeare.lit/desktop'>
              <reason>Hey Hecate, this is the place for all good witches!</reason>
            </invite>
            <password>cauldronburn</password>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0045, no, thank you",
        {
            "kind": "message",
            "type": "normal",
            "to": "coven@chat.shakespeare.lit",
            "muc_user": {
                "decline": {
                    "to": "crone1@shakespeare.lit",
                    "reason": "Sorry, I'm too busy right now.",
                }
            },
        },
        """
        <message to='coven@chat.shakespeare.lit'>
          <x xmlns='http://jabber.org/protocol/muc#user'>
            <decline to='crone1@shakespeare.lit'>
              <reason>Sorry, I'm too busy right now.</reason>
            </decline>
          </x>
        </message>
        """,
    ),
    Pair(
        "XEP-0424",
        {
            "kind": "message",
            "type": "chat",
            "to": "lord@capulet.example",
            "id": "retract-message-1",
            "retract": {"id": "wrong-recipient-1"},
        },
        """
        <message type='chat' to='lord@capulet.example' id='retract-message-1'>
          <retract id='wrong-recipient-1' xmlns='urn:xmpp:message-retract:1'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0425",
        {
            "kind": "message",
            "type": "groupchat",
            "from": "room@muc.example.com",
            "to": "room@muc.example.com",
            "id": "retraction-id-1",
            "retract": {
                "id": "stanza-id-1",
                "moderated": {"by": "room@muc.example.com/macbeth"},
                "reason": "This message contains inappropriate content",
            },
        },
        """
        <message type='groupchat' id='retraction-id-1' from='room@muc.example.com'
            to='room@muc.example.com'>
          <retract id='stanza-id-1' xmlns='urn:xmpp:message-retract:1'>
            <moderated by='room@muc.example.com/macbeth'
              xmlns='urn:xmpp:message-moderate:1'/>
            <reason>This message contains inappropriate content</reason>
          </retract>
        </message>
        """,
    ),
    # --- presence ---
    Pair(
        "XEP-0115",
        {
            "kind": "presence",
            "type": "available",
            "from": "romeo@montague.lit/orchard",
            "caps": {
                "hash": "sha-1",
                "node": "http://code.google.com/p/exodus",
                "ver": "QgayPKawpkPSDYmwT/WM94uAlu0=",
                "ext": "ca cs",
            },
        },
        """
        <presence from='romeo@montague.lit/orchard'>
          <c xmlns='http://jabber.org/protocol/caps' hash='sha-1'
            node='http://code.google.com/p/exodus' ver='QgayPKawpkPSDYmwT/WM94uAlu0='
            ext='ca cs'/>
        </presence>
        """,
    ),
    Pair(
        "XEP-0045",
        {
            "kind": "presence",
            "type": "available",
            "to": "coven@chat.shakespeare.lit/thirdwitch",
            "id": "n13mt3l",
            "join": True,
            "muc": {},
        },
        """
        <presence to='coven@chat.shakespeare.lit/thirdwitch' id='n13mt3l'>
          <x xmlns='http://jabber.org/protocol/muc'/>
        </presence>
        """,
    ),
    Pair(
        "XEP-0045",
        {
            "kind": "presence",
            "type": "available",
            "join": True,
            "muc": {
                "password": "cauldronburn",
                "history": {
                    "maxchars": 65000,
                    "maxstanzas": 20,
                    "seconds": 180,
                    "since": "1970-01-01T00:00:00Z",
                },
            },
        },
        """
        <presence>
          <x xmlns='http://jabber.org/protocol/muc'>
            <password>cauldronburn</password>
            <history maxchars='65000' maxstanzas='20' seconds='180'
              since='1970-01-01T00:00:00Z'/>
          </x>
        </presence>
        """,
    ),
    Pair(
        "XEP-0045",
        {
            "kind": "presence",
            "type": "unavailable",
            "from": "harfleur@chat.shakespeare.lit/pistol",
            "to": "pistol@shakespeare.lit/harfleur",
            "muc_user": {
                "item": {
                    "affiliation": "none",
                    "role": "none",
                    "jid": "pistol@shakespeare.lit/harfleur",
                    "nick": "oldhag",
                    "actor": {"nick": "Fluellen", "jid": "fluellen@shakespeare.lit"},
                    "reason": "Avaunt, you cullion!",
                },
                "status": [110, 307],
            },
        },
        """
        <presence from='harfleur@chat.shakespeare.lit/pistol'
            to='pistol@shakespeare.lit/harfleur' type='unavailable'>
          <x xmlns='http://jabber.org/protocol/muc#user'>
            <item affiliation='none' role='none' nick='oldhag'
                jid='pistol@shakespeare.lit/harfleur'>
              <actor nick='Fluellen' jid='fluellen@shakespeare.lit'/>
              <reason>Avaunt, you cullion!</reason>
            </item>
            <status code='110'/>
            <status code='307'/>
          </x>
        </presence>
        """,
    ),
    Pair(
        "XEP-0045, XEP-0421",
        {
            "kind": "presence",
            "type": "unavailable",
            "from": "heath@chat.shakespeare.lit/firstwitch",
            "to": "crone1@shakespeare.lit/desktop",
            "muc_user": {
                "item": {"affiliation": "none", "role": "none"},
                "destroy": {
                    "jid": "coven@chat.shakespeare.lit",
                    "reason": "Macbeth doth come.",
                    "password": "cauldronburn",
                },
            },
            "occupant_id": "dd72603deec90a38ba552f7c68cbcc61bca202cd",
        },
        """
        <presence from='heath@chat.shakespeare.lit/firstwitch'
            to='crone1@shakespeare.lit/desktop' type='unavailable'>
          <x xmlns='http://jabber.org/protocol/muc#user'>
            <item affiliation='none' role='none'/>
            <destroy jid='coven@chat.shakespeare.lit'>
              <reason>Macbeth doth come.</reason>
              <password>cauldronburn</password>
            </destroy>
          </x>
          <occupant-id xmlns='urn:xmpp:occupant-id:0'
              id='dd72603deec90a38ba552f7c68cbcc61bca202cd'/>
        </presence>
        """,
    ),
    Pair(
        "XEP-0153",
        {
            "kind": "presence",
            "type": "available",
            "from": "juliet@capulet.com/balcony",
            "vcard_update": {"photo": "01b87fcd030b72895ff8e88db57ec525450f000d"},
        },
        """
        <presence from='juliet@capulet.com/balcony'>
          <x xmlns='vcard-temp:x:update'>
            <photo>01b87fcd030b72895ff8e88db57ec525450f000d</photo>
          </x>
        </presence>
        """,
    ),
    Pair(
        "XEP-0153: no picture is not the same as not ready",
        {"kind": "presence", "type": "available", "vcard_update": {"photo": ""}},
        "<presence><x xmlns='vcard-temp:x:update'><photo/></x></presence>",
    ),
    Pair(
        "XEP-0319",
        {
            "kind": "presence",
            "type": "available",
            "from": "juliet@capulet.com/balcony",
            "show": "away",
            "priority": -1,
            "idle_since": "1969-07-21T02:56:15Z",
        },
        """
        <presence from='juliet@capulet.com/balcony'>
          <show>away</show>
          <priority>-1</priority>
          <idle xmlns='urn:xmpp:idle:1' since='1969-07-21T02:56:15Z'/>
        </presence>
        """,
    ),
    # --- iqs ---
    Pair(
        "RFC 6120 §8.2.3: an empty result",
        {"kind": "iq", "type": "result", "from": "capulet.lit", "id": "s2c1"},
        "<iq from='capulet.lit' id='s2c1' type='result'/>",
    ),
    Pair(
        "XEP-0199",
        {
            "kind": "iq",
            "type": "get",
            "from": "capulet.lit",
            "to": "juliet@capulet.lit/balcony",
            "id": "s2c1",
            "ping": True,
        },
        """
        <iq from='capulet.lit' to='juliet@capulet.lit/balcony' id='s2c1' type='get'>
          <ping xmlns='urn:xmpp:ping'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0092",
        {
            "kind": "iq",
            "type": "get",
            "from": "romeo@montague.net/orchard",
            "to": "juliet@capulet.com/balcony",
            "id": "version_1",
            "version": {},
        },
        """
        <iq type='get' from='romeo@montague.net/orchard'
            to='juliet@capulet.com/balcony' id='version_1'>
          <query xmlns='jabber:iq:version'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0092, the answer",
        {
            "kind": "iq",
            "type": "result",
            "from": "juliet@capulet.com/balcony",
            "to": "romeo@montague.net/orchard",
            "id": "version_1",
            "version": {"name": "Exodus", "version": "0.7.0.4", "os": "Windows-XP"},
        },
        """
        <iq type='result' to='romeo@montague.net/orchard'
            from='juliet@capulet.com/balcony' id='version_1'>
          <query xmlns='jabber:iq:version'>
            <name>Exodus</name>
            <version>0.7.0.4</version>
            <os>Windows-XP</os>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030",
        {
            "kind": "iq",
            "type": "get",
            "from": "romeo@montague.net/orchard",
            "to": "plays.shakespeare.lit",
            "id": "info1",
            "disco": True,
        },
        """
        <iq type='get' from='romeo@montague.net/orchard' to='plays.shakespeare.lit'
            id='info1'>
          <query xmlns='http://jabber.org/protocol/disco#info'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030",
        {"kind": "iq", "type": "get", "id": "info3", "disco": "music"},
        """
        <iq type='get' id='info3'>
          <query xmlns='http://jabber.org/protocol/disco#info' node='music'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030, the answer, with XEP-0128 and XEP-0157",
        {
            "kind": "iq",
            "type": "result",
            "from": "plays.shakespeare.lit",
            "id": "info1",
            "disco": {
                "node": "http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0=",
                "identities": [
                    {"category": "conference", "type": "text", "name": "Play-Specific"},
                    {"category": "directory", "type": "chatroom"},
                ],
                "features": ["http://jabber.org/protocol/disco#info", "gc-1.0"],
                "extensions": {
                    "http://jabber.org/network/serverinfo": {
                        "abuse-addresses": ["mailto:abuse@shakespeare.lit", "xmpp:a@b"],
                        "feedback-addresses": [],
                        "muc#roominfo_description": "The place for all good witches!",
                        "muc#roominfo_occupants": None,
                        "muc#roominfo_changesubject": True,
                        "muc#roominfo_logs": False,
                        "muc#roominfo_lines": "When shall we three\nmeet again?",
                    },
                },
            },
        },
        """
        <iq type='result' from='plays.shakespeare.lit' id='info1'>
          <query xmlns='http://jabber.org/protocol/disco#info'
              node='http://code.google.com/p/exodus#QgayPKawpkPSDYmwT/WM94uAlu0='>
            <identity category='conference' type='text' name='Play-Specific'/>
            <identity category='directory' type='chatroom'/>
            <feature var='http://jabber.org/protocol/disco#info'/>
            <feature var='gc-1.0'/>
            <x xmlns='jabber:x:data' type='result'>
              <field var='FORM_TYPE' type='hidden'>
                <value>http://jabber.org/network/serverinfo</value>
              </field>
              <field var='abuse-addresses'>
                <value>mailto:abuse@shakespeare.lit</value>
                <value>xmpp:a@b</value>
              </field>
              <field var='feedback-addresses'/>
              <field var='muc#roominfo_description' type='text-single'>
                <value>The place for all good witches!</value>
              </field>
              <field var='muc#roominfo_occupants' type='text-single'/>
              <field var='muc#roominfo_changesubject' type='boolean'>
                <value>1</value>
              </field>
              <field var='muc#roominfo_logs' type='boolean'><value>0</value></field>
              <field var='muc#roominfo_lines' type='text-multi'>
                <value>When shall we three</value>
                <value>meet again?</value>
              </field>
            </x>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030",
        {"kind": "iq", "type": "get", "to": "shakespeare.lit", "items": True},
        """
        <iq type='get' to='shakespeare.lit'>
          <query xmlns='http://jabber.org/protocol/disco#items'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030",
        {"kind": "iq", "type": "get", "to": "catalog.lit", "items": "music"},
        """
        <iq type='get' to='catalog.lit'>
          <query xmlns='http://jabber.org/protocol/disco#items' node='music'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030, the answer",
        {
            "kind": "iq",
            "type": "result",
            "from": "shakespeare.lit",
            "items": [
                {"jid": "people.shakespeare.lit", "name": "Directory of Characters"},
                {"jid": "mim.shakespeare.lit"},
                {"jid": "catalog.shakespeare.lit", "node": "books", "name": "Books"},
            ],
        },
        """
        <iq type='result' from='shakespeare.lit'>
          <query xmlns='http://jabber.org/protocol/disco#items'>
            <item jid='people.shakespeare.lit' name='Directory of Characters'/>
            <item jid='mim.shakespeare.lit'/>
            <item jid='catalog.shakespeare.lit' node='books' name='Books'/>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0030: nothing there",
        {"kind": "iq", "type": "result", "from": "shakespeare.lit", "items": []},
        """
        <iq type='result' from='shakespeare.lit'>
          <query xmlns='http://jabber.org/protocol/disco#items'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0050, the first stage",
        {
            "kind": "iq",
            "type": "result",
            "from": "responder@domain",
            "id": "exec1",
            "command": {
                "node": "config",
                "sessionid": "config:20020923T213616Z-700",
                "status": "executing",
                "actions": {"execute": "next", "prev": True, "next": True},
                "form": {
                    "type": "form",
                    "title": "Configure Service",
                    "fields": [{"var": "service", "type": "list-single", "value": "a"}],
                },
            },
        },
        """
        <iq type='result' from='responder@domain' id='exec1'>
          <command xmlns='http://jabber.org/protocol/commands' node='config'
              sessionid='config:20020923T213616Z-700' status='executing'>
            <actions execute='next'><prev/><next/></actions>
            <x xmlns='jabber:x:data' type='form'>
              <title>Configure Service</title>
              <field var='service' type='list-single'><value>a</value></field>
            </x>
          </command>
        </iq>
        """,
    ),
    Pair(
        "XEP-0050, the second stage",
        {
            "kind": "iq",
            "type": "set",
            "to": "responder@domain",
            "id": "exec2",
            "command": {
                "node": "config",
                "sessionid": "config:20020923T213616Z-700",
                "action": "complete",
                "form": {
                    "type": "submit",
                    "fields": [
                        {"var": "service", "value": "httpd"},
                        {"var": "runlevel", "value": ["3", "5"]},
                    ],
                },
                "data": {"service": ["httpd"], "runlevel": ["3", "5"]},
            },
        },
        """
        <iq type='set' to='responder@domain' id='exec2'>
          <command xmlns='http://jabber.org/protocol/commands' node='config'
              sessionid='config:20020923T213616Z-700' action='complete'>
            <x xmlns='jabber:x:data' type='submit'>
              <field var='service'><value>httpd</value></field>
              <field var='runlevel'><value>3</value><value>5</value></field>
            </x>
          </command>
        </iq>
        """,
    ),
    Pair(
        "XEP-0050, the end",
        {
            "kind": "iq",
            "type": "result",
            "from": "responder@domain",
            "id": "exec3",
            "command": {
                "node": "config",
                "sessionid": "config:20020923T213616Z-700",
                "status": "completed",
                "actions": {"complete": True},
                "note": {
                    "type": "info",
                    "text": "Service 'httpd' has been configured.",
                },
            },
        },
        """
        <iq type='result' from='responder@domain' id='exec3'>
          <command xmlns='http://jabber.org/protocol/commands' node='config'
              sessionid='config:20020923T213616Z-700' status='completed'>
            <actions><complete/></actions>
            <note type='info'>Service 'httpd' has been configured.</note>
          </command>
        </iq>
        """,
    ),
    Pair(
        "XEP-0039",
        {
            "kind": "iq",
            "type": "result",
            "from": "component",
            "stats": [
                {"name": "time/uptime", "unit": "seconds", "value": 3054635},
                {"name": "bandwidth/packets-in", "unit": "packets", "value": 0.5},
                {"name": "users/online"},
            ],
        },
        """
        <iq type='result' from='component'>
          <query xmlns='http://jabber.org/protocol/stats'>
            <stat name='time/uptime' units='seconds' value='3054635'/>
            <stat name='bandwidth/packets-in' units='packets' value='0.5'/>
            <stat name='users/online'/>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0012",
        {
            "kind": "iq",
            "type": "result",
            "from": "juliet@capulet.com",
            "id": "last1",
            "lastactivity": {"seconds": 903, "status": "Heading Home"},
        },
        """
        <iq from='juliet@capulet.com' id='last1' type='result'>
          <query xmlns='jabber:iq:last' seconds='903'>Heading Home</query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0066",
        {
            "kind": "iq",
            "type": "set",
            "from": "stpeter@jabber.org/work",
            "to": "MaineBoy@jabber.org/home",
            "id": "oob1",
            "oob": {
                "url": "http://www.jabber.org/images/psa-license.jpg",
                "desc": "A license to Jabber!",
            },
        },
        """
        <iq type='set' from='stpeter@jabber.org/work' to='MaineBoy@jabber.org/home'
            id='oob1'>
          <query xmlns='jabber:iq:oob'>
            <url>http://www.jabber.org/images/psa-license.jpg</url>
            <desc>A license to Jabber!</desc>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0215",
        {
            "kind": "iq",
            "type": "result",
            "from": "shakespeare.lit",
            "to": "bard@shakespeare.lit/globe",
            "id": "ul2bc7y6",
            "extdisco": {
                "type": "turn",
                "services": [
                    {"host": "stun.shakespeare.lit", "port": 9998, "type": "stun"},
                    {
                        "action": "add",
                        "expires": "2015-05-10T10:49:08Z",
                        "host": "turn.shakespeare.lit",
                        "name": "Avon",
                        "password": "jj929jkj5sadjfj93v3n",
                        "port": 3478,
                        "restricted": True,
                        "transport": "udp",
                        "type": "turn",
                        "username": "nb78932lkjlskjfdb7g8",
                    },
                ],
            },
        },
        """
        <iq from='shakespeare.lit' id='ul2bc7y6' to='bard@shakespeare.lit/globe'
            type='result'>
          <services xmlns='urn:xmpp:extdisco:2' type='turn'>
            <service host='stun.shakespeare.lit' port='9998' type='stun'/>
            <service action='add' expires='2015-05-10T10:49:08Z'
              host='turn.shakespeare.lit' name='Avon' password='jj929jkj5sadjfj93v3n'
              port='3478' restricted='true' transport='udp' type='turn'
              username='nb78932lkjlskjfdb7g8'/>
          </services>
        </iq>
        """,
    ),
    Pair(
        "XEP-0077",
        {
            "kind": "iq",
            "type": "result",
            "id": "reg1",
            "register": {
                "registered": True,
                "instructions": "Choose a username and password.",
                "username": "juliet",
                "nick": "Jule",
                "password": "R0m30",
                "name": "Juliet Capulet",
                "first": "Juliet",
                "last": "Capulet",
                "email": "juliet@capulet.com",
                "address": "Via Cappello 23",
                "city": "Verona",
                "state": "VR",
                "zip": "37121",
                "phone": "+39 045",
                "url": "http://capulet.com/",
                "date": "1597",
                "misc": "-",
                "text": "-",
                "key": "106c0a7b5510f192a408a1d054150ed1065e255a",
            },
        },
        """
        <iq type='result' id='reg1'>
          <query xmlns='jabber:iq:register'>
            <registered/>
            <instructions>Choose a username and password.</instructions>
            <username>juliet</username>
            <nick>Jule</nick>
            <password>R0m30</password>
            <name>Juliet Capulet</name>
            <first>Juliet</first>
            <last>Capulet</last>
            <email>juliet@capulet.com</email>
            <address>Via Cappello 23</address>
            <city>Verona</city>
            <state>VR</state>
            <zip>37121</zip>
            <phone>+39 045</phone>
            <url>http://capulet.com/</url>
            <date>1597</date>
            <misc>-</misc>
            <text>-</text>
            <key>106c0a7b5510f192a408a1d054150ed1065e255a</key>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0077",
        {"kind": "iq", "type": "set", "id": "unreg1", "register": {"remove": True}},
        """
        <iq type='set' id='unreg1'>
          <query xmlns='jabber:iq:register'><remove/></query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0077",
        {
            "kind": "iq",
            "type": "set",
            "id": "reg4",
            "register": {
                "form": {
                    "type": "submit",
                    "fields": [{"var": "first", "value": "Juliet"}],
                }
            },
        },
        """
        <iq type='set' id='reg4'>
          <query xmlns='jabber:iq:register'>
            <x xmlns='jabber:x:data' type='submit'>
              <field var='first'><value>Juliet</value></field>
            </x>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0100",
        {
            "kind": "iq",
            "type": "result",
            "from": "aim.jabber.org",
            "id": "gate1",
            "gateway": {
                "desc": "Please enter the AOL Screen Name of the person.",
                "prompt": "Contact ID",
            },
        },
        """
        <iq type='result' from='aim.jabber.org' id='gate1'>
          <query xmlns='jabber:iq:gateway'>
            <desc>Please enter the AOL Screen Name of the person.</desc>
            <prompt>Contact ID</prompt>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0100, the end",
        {
            "kind": "iq",
            "type": "result",
            "id": "gate2",
            "gateway": {"jid": "juliet@aim.jabber.org"},
        },
        """
        <iq type='result' id='gate2'>
          <query xmlns='jabber:iq:gateway'><jid>juliet@aim.jabber.org</jid></query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0363",
        {
            "kind": "iq",
            "type": "get",
            "to": "upload.montague.tld",
            "id": "step_03",
            "upload_request": {
                "filename": "très cool.jpg",
                "size": 23456,
                "content-type": "image/jpeg",
            },
        },
        """
        <iq to='upload.montague.tld' id='step_03' type='get'>
          <request xmlns='urn:xmpp:http:upload:0' filename='très cool.jpg' size='23456'
            content-type='image/jpeg'/>
        </iq>
        """,
    ),
    Pair(
        "XEP-0363, the answer",
        {
            "kind": "iq",
            "type": "result",
            "from": "upload.montague.tld",
            "id": "step_03",
            "upload_slot": {
                "put": {
                    "url": "https://upload.montague.tld/4a771ac1/tr%C3%A8s%20cool.jpg",
                    "headers": [
                        {"name": "Authorization", "value": "Basic Base64String=="},
                        {"name": "Cookie", "value": "foo=bar; user=romeo"},
                    ],
                },
                "get": {"url": "https://download.montague.tld/4a771ac1/tr%C3%A8s.jpg"},
            },
        },
        """
        <iq from='upload.montague.tld' id='step_03' type='result'>
          <slot xmlns='urn:xmpp:http:upload:0'>
            <put url='https://upload.montague.tld/4a771ac1/tr%C3%A8s%20cool.jpg'>
              <header name='Authorization'>Basic Base64String==</header>
              <header name='Cookie'>foo=bar; user=romeo</header>
            </put>
            <get url='https://download.montague.tld/4a771ac1/tr%C3%A8s.jpg'/>
          </slot>
        </iq>
        """,
    ),
    Pair(
        "XEP-0313",
        {
            "kind": "iq",
            "type": "set",
            "id": "q29302",
            "archive": {
                "queryid": "f27",
                "node": "fdp/submitted/capulet.lit/sonnets",
                "form": {
                    "type": "submit",
                    "fields": [
                        {
                            "var": "FORM_TYPE",
                            "type": "hidden",
                            "value": "urn:xmpp:mam:2",
                        },
                        {"var": "start", "value": "2010-08-07T00:00:00Z"},
                    ],
                },
                "page": {"max": 10, "before": ""},
            },
        },
        """
        <iq type='set' id='q29302'>
          <query xmlns='urn:xmpp:mam:2' queryid='f27'
              node='fdp/submitted/capulet.lit/sonnets'>
            <x xmlns='jabber:x:data' type='submit'>
              <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>
              <field var='start'><value>2010-08-07T00:00:00Z</value></field>
            </x>
            <set xmlns='http://jabber.org/protocol/rsm'>
              <max>10</max>
              <before/>
            </set>
          </query>
        </iq>
        """,
    ),
    Pair(
        "XEP-0313, the end",
        {
            "kind": "iq",
            "type": "result",
            "id": "q29302",
            "result": {
                "complete": True,
                "stable": False,
                "page": {
                    "first": "28482-98726-73623",
                    "index": 0,
                    "last": "09af3-cc343-b409f",
                },
            },
        },
        """
        <iq type='result' id='q29302'>
          <fin xmlns='urn:xmpp:mam:2' complete='true' stable='false'>
            <set xmlns='http://jabber.org/protocol/rsm'>
              <first index='0'>28482-98726-73623</first>
              <last>09af3-cc343-b409f</last>
            </set>
          </fin>
        </iq>
        """,
    ),
    Pair(
        "XEP-0202",
        {
            "kind": "iq",
            "type": "result",
            "from": "juliet@capulet.com/balcony",
            "to": "romeo@montague.net/orchard",
            "id": "time_1",
            "time": {"tzo": "-06:00", "utc": "2006-12-19T17:58:35Z"},
        },
        """
        <iq type='result' from='juliet@capulet.com/balcony'
            to='romeo@montague.net/orchard' id='time_1'>
          <time xmlns='urn:xmpp:time'>
            <tzo>-06:00</tzo>
            <utc>2006-12-19T17:58:35Z</utc>
          </time>
        </iq>
        """,
    ),
    Pair(
        "XEP-0425",
        {
            "kind": "iq",
            "type": "set",
            "to": "room@muc.example.com",
            "id": "retract-request-1",
            "moderate": {
                "id": "stanza-id-1",
                "retract": True,
                "reason": "This message contains inappropriate content",
            },
        },
        """
        <iq type='set' to='room@muc.example.com' id='retract-request-1'>
          <moderate id='stanza-id-1' xmlns='urn:xmpp:message-moderate:1'>
            <retract xmlns='urn:xmpp:message-retract:1'/>
            <reason>This message contains inappropriate content</reason>
          </moderate>
        </iq>
        """,
    ),
    Pair(
        "XEP-0393",
        {
            "kind": "message",
            "type": "normal",
            "body": "> _ <",
            "unstyled": True,
        },
        """
        <message>
          <body>&gt; _ &lt;</body>
          <unstyled xmlns='urn:xmpp:styling:0'/>
        </message>
        """,
    ),
    Pair(
        "XEP-0394, all of it in one",
        {
            "kind": "message",
            "type": "normal",
            "body": "There is really no reason to worry.",
            "markup": {
                "spans": [
                    {
                        "start": 9,
                        "end": 15,
                        "styles": ["emphasis", "strong", "code", "deleted"],
                    }
                ],
                "code_blocks": [{"start": 23, "end": 48, "language": "bash"}],
                "lists": [
                    {"start": 31, "end": 89, "ordered": False, "items": [31, 47]}
                ],
                "quotes": [{"start": 0, "end": 57}, {"start": 11, "end": 34}],
            },
        },
        """
        <message>
          <body>There is really no reason to worry.</body>
          <markup xmlns='urn:xmpp:markup:0'>
            <span start='9' end='15'>
              <emphasis/>
              <strong/>
              <code/>
              <deleted/>
            </span>
            <bcode start='23' end='48' language='bash'/>
            <list start='31' end='89' ordered='false'>
              <li start='31'/>
              <li start='47'/>
            </list>
            <bquote start='0' end='57'/>
            <bquote start='11' end='34'/>
          </markup>
        </message>
        """,
    ),
    Pair(
        "XEP-0513, all of it in one",
        {
            "kind": "message",
            "type": "groupchat",
            "to": "news@chat.commons.example",
            "body": "Hello, Alice!",
            "mentions": [
                {
                    "begin": 7,
                    "end": 12,
                    "occupant_id": "alice@occupant-id",
                    "lang": "en",
                    "noping": True,
                },
                {"jid": "alice@commons.example"},
                {
                    "mentions": "urn:xmpp:mentions:0#channel",
                    "uri": "xmpp:news@chat.commons.example",
                    "active": True,
                },
            ],
        },
        """
        <message to='news@chat.commons.example' type='groupchat'>
          <body>Hello, Alice!</body>
          <mention xmlns='urn:xmpp:mentions:0' begin='7' end='12' hreflang='en'
              occupantid='alice@occupant-id'>
            <noping/>
          </mention>
          <mention xmlns='urn:xmpp:mentions:0' jid='alice@commons.example'/>
          <mention xmlns='urn:xmpp:mentions:0' mentions='urn:xmpp:mentions:0#channel'
              uri='xmpp:news@chat.commons.example'>
            <active/>
          </mention>
        </message>
        """,
    ),
    Pair(
        "XEP-0490",
        {
            "kind": "message",
            "type": "normal",
            "to": "romeo@montegue.lit",
            "displayed": "the-msg-1",
            "displayed_sync": {
                "by": "juliet@capulet.lit",
                "id": "0423e3a9-d516-493d-bb06-bee0e51ab9fb",
            },
        },
        """
        <message to='romeo@montegue.lit'>
          <displayed xmlns='urn:xmpp:chat-markers:0' id='the-msg-1'/>
          <displayed xmlns='urn:xmpp:mds:displayed:0'>
            <stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.lit'
                id='0423e3a9-d516-493d-bb06-bee0e51ab9fb'/>
          </displayed>
        </message>
        """,
    ),
    Pair(
        "XEP-0060, notifications of every sort in one",
        {
            "kind": "message",
            "type": "normal",
            "from": "pubsub.shakespeare.lit",
            "to": "francisco@denmark.lit",
            "id": "foo",
            "pubsub_event": {
                "items": {
                    "node": "princely_musings",
                    "items": [
                        {
                            "id": "ae890ac52d0df67ed7cfdf51b644e901",
                            "publisher": "hamlet@denmark.lit",
                            "xml": [
                                "<entry xmlns='http://www.w3.org/2005/Atom'>"
                                "<title>Soliloquy</title></entry>"
                            ],
                        },
                        {"id": "4e30f35051b7b8b42abe083742187228", "json": {"a": [1]}},
                    ],
                    "retracted": ["ae890ac52d0df67ed7cfdf51b644e900"],
                },
                "purge": {"node": "princely_musings"},
                "delete": {
                    "node": "princely_musings",
                    "redirect": "xmpp:hamlet@denmark.lit?;node=blog",
                },
                "configuration": {
                    "node": "princely_musings",
                    "form": {
                        "type": "result",
                        "fields": [{"var": "pubsub#title", "value": "Musings"}],
                    },
                },
                "subscription": {
                    "node": "princely_musings",
                    "jid": "francisco@denmark.lit",
                    "subid": "123-abc",
                    "subscription": "subscribed",
                    "expiry": "2006-02-28T23:59:59Z",
                },
            },
        },
        """
        <message from='pubsub.shakespeare.lit' to='francisco@denmark.lit' id='foo'>
          <event xmlns='http://jabber.org/protocol/pubsub#event'>
            <items node='princely_musings'>
              <item id='ae890ac52d0df67ed7cfdf51b644e901'
                  publisher='hamlet@denmark.lit'>
                <entry xmlns='http://www.w3.org/2005/Atom'>
                  <title>Soliloquy</title>
                </entry>
              </item>
              <item id='4e30f35051b7b8b42abe083742187228'>
                <json xmlns='urn:xmpp:json:0'>{"a": [1]}</json>
              </item>
              <retract id='ae890ac52d0df67ed7cfdf51b644e900'/>
            </items>
            <purge node='princely_musings'/>
            <delete node='princely_musings'>
              <redirect uri='xmpp:hamlet@denmark.lit?;node=blog'/>
            </delete>
            <configuration node='princely_musings'>
              <x xmlns='jabber:x:data' type='result'>
                <field var='pubsub#title'>
                  <value>Musings</value>
                </field>
              </x>
            </configuration>
            <subscription node='princely_musings' jid='francisco@denmark.lit'
                subid='123-abc' subscription='subscribed'
                expiry='2006-02-28T23:59:59Z'/>
          </event>
        </message>
        """,
    ),
    Pair(
        "XEP-0317",
        {
            "kind": "presence",
            "type": "available",
            "from": "meeting123@meetings.example.com/Harry",
            "hats": [
                {
                    "title": "Host",
                    "uri": "http://schemas.example.com/hats#host",
                    "hue": 327.255249,
                    "lang": "en-us",
                    "xml": ["<badge xmlns='urn:example:badges' level='3'/>"],
                },
                {
                    "title": "Presenter",
                    "uri": "http://schemas.example.com/hats#presenter",
                },
            ],
        },
        """
        <presence from='meeting123@meetings.example.com/Harry'>
          <hats xmlns='urn:xmpp:hats:0'>
            <hat title='Host' uri='http://schemas.example.com/hats#host'
                hue='327.255249' xml:lang='en-us'>
              <badge xmlns='urn:example:badges' level='3'/>
            </hat>
            <hat title='Presenter' uri='http://schemas.example.com/hats#presenter'/>
          </hats>
        </presence>
        """,
    ),
    Pair(
        "XEP-0191, the list",
        {
            "kind": "iq",
            "type": "result",
            "id": "blocklist1",
            "blocklist": [
                {"jid": "romeo@montague.net"},
                {"jid": "iago@shakespeare.lit"},
            ],
        },
        """
        <iq type='result' id='blocklist1'>
          <blocklist xmlns='urn:xmpp:blocking'>
            <item jid='romeo@montague.net'/>
            <item jid='iago@shakespeare.lit'/>
          </blocklist>
        </iq>
        """,
    ),
    Pair(
        "XEP-0191, unblock all",
        {"kind": "iq", "type": "set", "id": "unblock2", "unblock": []},
        "<iq type='set' id='unblock2'><unblock xmlns='urn:xmpp:blocking'/></iq>",
    ),
    Pair(
        "XEP-0377, with all options",
        {
            "kind": "iq",
            "type": "set",
            "from": "juliet@example.com/chamber",
            "id": "block1",
            "block": [
                {
                    "jid": "romeo@example.net",
                    "report": {
                        "reason": "urn:xmpp:reporting:spam",
                        "stanza_ids": [
                            {"by": "romeo@example.net", "id": "28482-98726-73623"},
                            {"by": "romeo@example.net", "id": "38383-38018-18385"},
                        ],
                        "text": "Never came trouble to my house like this.",
                        "report_origin": True,
                        "third_party": True,
                    },
                }
            ],
        },
        """
        <iq from='juliet@example.com/chamber' type='set' id='block1'>
          <block xmlns='urn:xmpp:blocking'>
            <item jid='romeo@example.net'>
              <report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>
                <stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net'
                    id='28482-98726-73623'/>
                <stanza-id xmlns='urn:xmpp:sid:0' by='romeo@example.net'
                    id='38383-38018-18385'/>
                <text>Never came trouble to my house like this.</text>
                <report-origin/>
                <third-party/>
              </report>
            </item>
          </block>
        </iq>
        """,
    ),
    Pair(
        "XEP-0402, a bookmark is added",
        {
            "kind": "iq",
            "type": "set",
            "id": "pip1",
            "pubsub": {
                "publish": {
                    "node": "urn:xmpp:bookmarks:1",
                    "items": [
                        {
                            "id": "theplay@conference.shakespeare.lit",
                            "bookmark": {
                                "name": "The Play's the Thing",
                                "autojoin": True,
                                "nick": "JC",
                                "password": "ophelia",
                                "extensions": {
                                    "xml": ["<state xmlns='urn:example' m='1'/>"]
                                },
                            },
                        }
                    ],
                },
                "publish_options": {
                    "type": "submit",
                    "fields": [{"var": "pubsub#access_model", "value": "whitelist"}],
                },
            },
        },
        """
        <iq type='set' id='pip1'>
          <pubsub xmlns='http://jabber.org/protocol/pubsub'>
            <publish node='urn:xmpp:bookmarks:1'>
              <item id='theplay@conference.shakespeare.lit'>
                <conference xmlns='urn:xmpp:bookmarks:1' name="The Play's the Thing"
                    autojoin='true'>
                  <nick>JC</nick>
                  <password>ophelia</password>
                  <extensions>
                    <state xmlns='urn:example' m='1'/>
                  </extensions>
                </conference>
              </item>
            </publish>
            <publish-options>
              <x xmlns='jabber:x:data' type='submit'>
                <field var='pubsub#access_model'>
                  <value>whitelist</value>
                </field>
              </x>
            </publish-options>
          </pubsub>
        </iq>
        """,
    ),
    Pair(
        "XEP-0490, the items",
        {
            "kind": "iq",
            "type": "result",
            "id": "catchup-1",
            "pubsub": {
                "items": {
                    "node": "urn:xmpp:mds:displayed:0",
                    "max_items": 3,
                    "subid": "123-abc",
                    "items": [
                        {
                            "id": "romeo@montegue.lit",
                            "displayed_sync": {
                                "id": "0f710f2b-52ed-4d52-b928-784dad74a52b",
                                "by": "juliet@capulet.lit",
                            },
                        }
                    ],
                },
                "rsm": {"count": 19},
            },
        },
        """
        <iq type='result' id='catchup-1'>
          <pubsub xmlns='http://jabber.org/protocol/pubsub'>
            <items node='urn:xmpp:mds:displayed:0' max_items='3' subid='123-abc'>
              <item id='romeo@montegue.lit'>
                <displayed xmlns='urn:xmpp:mds:displayed:0'>
                  <stanza-id xmlns='urn:xmpp:sid:0' by='juliet@capulet.lit'
                      id='0f710f2b-52ed-4d52-b928-784dad74a52b'/>
                </displayed>
              </item>
            </items>
            <set xmlns='http://jabber.org/protocol/rsm'>
              <count>19</count>
            </set>
          </pubsub>
        </iq>
        """,
    ),
    Pair(
        "XEP-0060, requests of every sort in one",
        {
            "kind": "iq",
            "type": "set",
            "to": "pubsub.shakespeare.lit",
            "id": "all",
            "pubsub": {
                "create": {"node": "princely_musings"},
                "configure": {
                    "type": "submit",
                    "fields": [{"var": "pubsub#max_items", "value": "10"}],
                },
                "subscribe": {
                    "node": "princely_musings",
                    "jid": "francisco@denmark.lit",
                },
                "options": {
                    "node": "princely_musings",
                    "jid": "francisco@denmark.lit",
                    "subid": "123-abc",
                    "form": {
                        "type": "submit",
                        "fields": [{"var": "pubsub#digest", "value": "0"}],
                    },
                },
                "unsubscribe": {
                    "node": "princely_musings",
                    "jid": "francisco@denmark.lit",
                    "subid": "123-abc",
                },
                "subscription": {
                    "node": "princely_musings",
                    "jid": "francisco@denmark.lit",
                    "subid": "123-abc",
                    "subscription": "unconfigured",
                },
                "subscriptions": {
                    "node": "node1",
                    "subscriptions": [
                        {
                            "node": "node1",
                            "jid": "francisco@denmark.lit",
                            "subscription": "subscribed",
                        }
                    ],
                },
                "affiliations": {
                    "node": "node1",
                    "affiliations": [{"node": "node1", "affiliation": "owner"}],
                },
                "retract": {
                    "node": "princely_musings",
                    "notify": True,
                    "items": [{"id": "ae890ac52d0df67ed7cfdf51b644e901"}],
                },
            },
        },
        """
        <iq type='set' to='pubsub.shakespeare.lit' id='all'>
          <pubsub xmlns='http://jabber.org/protocol/pubsub'>
            <create node='princely_musings'/>
            <configure>
              <x xmlns='jabber:x:data' type='submit'>
                <field var='pubsub#max_items'>
                  <value>10</value>
                </field>
              </x>
            </configure>
            <subscribe node='princely_musings' jid='francisco@denmark.lit'/>
            <options node='princely_musings' jid='francisco@denmark.lit'
                subid='123-abc'>
              <x xmlns='jabber:x:data' type='submit'>
                <field var='pubsub#digest'>
                  <value>0</value>
                </field>
              </x>
            </options>
            <unsubscribe node='princely_musings' jid='francisco@denmark.lit'
                subid='123-abc'/>
            <subscription node='princely_musings' jid='francisco@denmark.lit'
                subid='123-abc' subscription='unconfigured'/>
            <subscriptions node='node1'>
              <subscription node='node1' jid='francisco@denmark.lit'
                  subscription='subscribed'/>
            </subscriptions>
            <affiliations node='node1'>
              <affiliation node='node1' affiliation='owner'/>
            </affiliations>
            <retract node='princely_musings' notify='true'>
              <item id='ae890ac52d0df67ed7cfdf51b644e901'/>
            </retract>
          </pubsub>
        </iq>
        """,
    ),
    Pair(
        "XEP-0054, with every element of its definition",
        {
            "kind": "iq",
            "type": "result",
            "to": "stpeter@jabber.org/roundabout",
            "id": "v1",
            "vcard": {
                "version": "3.0",
                "fn": "Peter Saint-Andre",
                "n": {
                    "family": "Saint-Andre",
                    "given": "Peter",
                    "middle": "M.",
                    "prefix": "Mr.",
                    "suffix": "jr.",
                },
                "nickname": "stpeter",
                "photo": {"type": "image/png", "binval": "iVBORw0KGgo="},
                "bday": "1966-08-06",
                "adr": [
                    {
                        **dict.fromkeys(("home", "work", "postal", "parcel"), True),
                        **dict.fromkeys(("dom", "intl", "pref"), True),
                        "pobox": "7",
                        "extadd": "Suite 600",
                        "street": "1899 Wynkoop Street",
                        "locality": "Denver",
                        "region": "CO",
                        "pcode": "80202",
                        "ctry": "USA",
                    }
                ],
                "label": [
                    {
                        **dict.fromkeys(("home", "work", "postal", "parcel"), True),
                        **dict.fromkeys(("dom", "intl", "pref"), True),
                        "lines": ["1899 Wynkoop Street", "Denver"],
                    }
                ],
                "tel": [
                    {"work": True, "voice": True, "number": "303-308-3282"},
                    {
                        **dict.fromkeys(("home", "fax", "pager", "msg", "cell"), True),
                        **dict.fromkeys(("video", "bbs", "modem", "isdn"), True),
                        **dict.fromkeys(("pcs", "pref"), True),
                        "number": "303-555-1212",
                    },
                ],
                "email": [
                    {
                        **dict.fromkeys(("home", "work", "internet", "pref"), True),
                        "x400": True,
                        "userid": "stpeter@jabber.org",
                    }
                ],
                "jabberid": "stpeter@jabber.org",
                "mailer": "mutt",
                "tz": "-07:00",
                "geo": {"lat": "39.7", "lon": "-105.0"},
                "title": "Executive Director",
                "role": "Patron Saint",
                "logo": {"extval": "https://xmpp.example/logo.png"},
                "org": {
                    "orgname": "XMPP Standards Foundation",
                    "orgunit": ["Council"],
                },
                "categories": {"keyword": ["saint"]},
                "note": "Check out my blog!",
                "prodid": "xmpprest",
                "rev": "2002-01-01",
                "sort_string": "Saintandre",
                "sound": {"phonetic": "pe-ter", "binval": "AAAA", "extval": "urn:x"},
                "uid": "4711",
                "url": "https://stpeter.example/",
                "desc": "More information about me is on my website.",
                "class": dict.fromkeys(("public", "private", "confidential"), True),
                "key": {"type": "pgp", "cred": "mQENBE"},
            },
        },
        """
        <iq type='result' to='stpeter@jabber.org/roundabout' id='v1'>
          <vCard xmlns='vcard-temp'>
            <VERSION>3.0</VERSION>
            <FN>Peter Saint-Andre</FN>
            <N>
              <FAMILY>Saint-Andre</FAMILY>
              <GIVEN>Peter</GIVEN>
              <MIDDLE>M.</MIDDLE>
              <PREFIX>Mr.</PREFIX>
              <SUFFIX>jr.</SUFFIX>
            </N>
            <NICKNAME>stpeter</NICKNAME>
            <PHOTO><TYPE>image/png</TYPE><BINVAL>iVBORw0KGgo=</BINVAL></PHOTO>
            <BDAY>1966-08-06</BDAY>
            <ADR>
              <HOME/><WORK/><POSTAL/><PARCEL/><DOM/><INTL/><PREF/>
              <POBOX>7</POBOX>
              <EXTADD>Suite 600</EXTADD>
              <STREET>1899 Wynkoop Street</STREET>
              <LOCALITY>Denver</LOCALITY>
              <REGION>CO</REGION>
              <PCODE>80202</PCODE>
              <CTRY>USA</CTRY>
            </ADR>
            <LABEL>
              <HOME/><WORK/><POSTAL/><PARCEL/><DOM/><INTL/><PREF/>
              <LINE>1899 Wynkoop Street</LINE>
              <LINE>Denver</LINE>
            </LABEL>
            <TEL><WORK/><VOICE/><NUMBER>303-308-3282</NUMBER></TEL>
            <TEL>
              <HOME/><FAX/><PAGER/><MSG/><CELL/><VIDEO/><BBS/><MODEM/><ISDN/><PCS/>
              <PREF/>
              <NUMBER>303-555-1212</NUMBER>
            </TEL>
            <EMAIL>
              <HOME/><WORK/><INTERNET/><PREF/><X400/>
              <USERID>stpeter@jabber.org</USERID>
            </EMAIL>
            <JABBERID>stpeter@jabber.org</JABBERID>
            <MAILER>mutt</MAILER>
            <TZ>-07:00</TZ>
            <GEO><LAT>39.7</LAT><LON>-105.0</LON></GEO>
            <TITLE>Executive Director</TITLE>
            <ROLE>Patron Saint</ROLE>
            <LOGO><EXTVAL>https://xmpp.example/logo.png</EXTVAL></LOGO>
            <ORG>
              <ORGNAME>XMPP Standards Foundation</ORGNAME>
              <ORGUNIT>Council</ORGUNIT>
            </ORG>
            <CATEGORIES><KEYWORD>saint</KEYWORD></CATEGORIES>
            <NOTE>Check out my blog!</NOTE>
            <PRODID>xmpprest</PRODID>
            <REV>2002-01-01</REV>
            <SORT-STRING>Saintandre</SORT-STRING>
            <SOUND>
              <PHONETIC>pe-ter</PHONETIC><BINVAL>AAAA</BINVAL><EXTVAL>urn:x</EXTVAL>
            </SOUND>
            <UID>4711</UID>
            <URL>https://stpeter.example/</URL>
            <DESC>More information about me is on my website.</DESC>
            <CLASS><PUBLIC/><PRIVATE/><CONFIDENTIAL/></CLASS>
            <KEY><TYPE>pgp</TYPE><CRED>mQENBE</CRED></KEY>
          </vCard>
        </iq>
        """,
    ),
)

_COMMAND = "<command xmlns='http://jabber.org/protocol/commands' node='list'/>"
_INFO = "<query xmlns='http://jabber.org/protocol/disco#info'/>"
_ITEMS = "<query xmlns='http://jabber.org/protocol/disco#items'/>"
_NODE = " node='n'/>"
_MUC = "<x xmlns='http://jabber.org/protocol/muc'/>"
_PING = "<iq type='get'><ping xmlns='urn:xmpp:ping'/></iq>"


def _field(var: str, *values: str) -> str:
    """A field of a form."""
    texts = "".join(f"<value>{value}</value>" for value in values)
    return f"<field var='{var}'>{texts}</field>"


def _archive(fields: str, page: str = "") -> str:
    """A query of an archive."""
    formType = (
        "<field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
    )
    form = f"<x xmlns='jabber:x:data' type='submit'>{formType}{fields}</x>"
    rsm = f"<set xmlns='http://jabber.org/protocol/rsm'>{page}</set>"
    content = (form if fields else "") + (rsm if page else "")
    return f"<iq type='set'><query xmlns='urn:xmpp:mam:2'>{content}</query></iq>"


def _form(content: str, type: str = "submit") -> str:
    """A message with a form."""
    return f"<message><x xmlns='jabber:x:data' type='{type}'>{content}</x></message>"


#: What JSON is read as; it is not what is written of the stanza.
SHORTHANDS = (
    # --- what may be left out: kind and type ---
    Pair(
        "the kind by the keys: presence",
        {"show": "xa"},
        "<presence><show>xa</show></presence>",
    ),
    Pair("the kind by the keys: iq", {"ping": True}, _PING),
    Pair(
        "the kind by the keys: message",
        {"body": "Hi"},
        "<message><body>Hi</body></message>",
    ),
    Pair("the kind by none: message", {"to": "a@b"}, "<message to='a@b'/>"),
    Pair(
        "the kind by a common key: message",
        {"nick": "N"},
        "<message><nick xmlns='http://jabber.org/protocol/nick'>N</nick></message>",
    ),
    Pair(
        "the kind by none of several: message",
        {"oob": {}},
        "<message><x xmlns='jabber:x:oob'/></message>",
    ),
    Pair(
        "the kind by none of several: message",
        {"muc_user": {}},
        "<message><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
    ),
    Pair("the kind by the likely one: iq", {"archive": {}}, _archive("")),
    Pair(
        "the kind by the first key that tells",
        {"archive": {}, "body": "Hi"},
        "<message><result xmlns='urn:xmpp:mam:2'/><body>Hi</body></message>",
    ),
    Pair(
        "no kind by a key that is null",
        {"ping": None, "join": None, "body": "Hi"},
        "<message><body>Hi</body></message>",
    ),
    Pair(
        "no kind by a likely key that is null",
        {"archive": None, "to": "a@b"},
        "<message to='a@b'/>",
    ),
    *(
        Pair(
            f"the kind by the type: {kind}", {"type": type}, f"<{kind} type='{type}'/>"
        )
        for kind, types in {
            "message": ("normal", "chat", "headline", "groupchat"),
            "presence": (
                "unavailable",
                "subscribe",
                "subscribed",
                "unsubscribe",
                "unsubscribed",
                "probe",
            ),
            "iq": ("get", "set", "result"),
        }.items()
        for type in types
    ),
    Pair("the kind by the type: available", {"type": "available"}, "<presence/>"),
    Pair(
        "the kind by the type before the keys",
        {"type": "set", "nick": "N"},
        "<iq type='set'><nick xmlns='http://jabber.org/protocol/nick'>N</nick></iq>",
    ),
    Pair(
        "an error is of any kind",
        {"type": "error", "ping": True},
        _PING.replace("get", "error"),
    ),
    Pair("an error is a message", {"type": "error"}, "<message type='error'/>"),
    Pair(
        "the type: available", {"kind": "presence", "type": "available"}, "<presence/>"
    ),
    Pair(
        "the type: an iq gets",
        {"kind": "iq", "version": True},
        "<iq type='get'><query xmlns='jabber:iq:version'/></iq>",
    ),
    Pair("the type: an iq of nothing gets", {"kind": "iq"}, "<iq type='get'/>"),
    Pair(
        "the type: a command is set",
        {"command": "list"},
        f"<iq type='set'>{_COMMAND}</iq>",
    ),
    Pair("the type: an archive is set", {"archive": True}, _archive("")),
    Pair(
        "the type: not by a command that is null",
        {"kind": "iq", "command": None},
        "<iq type='get'/>",
    ),
    Pair(
        "the type: said",
        {"type": "get", "command": "list"},
        f"<iq type='get'>{_COMMAND}</iq>",
    ),
    Pair(
        "the type: error",
        {"kind": "iq", "error": {"type": "cancel", "condition": "gone"}},
        """
        <iq type='error'>
          <error type='cancel'>
            <gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>
          </error>
        </iq>
        """,
    ),
    Pair(
        "null is left out",
        {
            "kind": None,
            "type": None,
            "to": None,
            "lang": None,
            "xml": None,
            "body": None,
            "oob": None,
            "subject": "S",
        },
        "<message><subject>S</subject></message>",
    ),
    Pair(
        "null is left out of objects",
        {"oob": {"url": None, "desc": "D"}},
        "<message><x xmlns='jabber:x:oob'><desc>D</desc></x></message>",
    ),
    Pair(
        "false is not there",
        {"ping": False, "kind": "iq", "type": "result"},
        "<iq type='result'/>",
    ),
    Pair("an empty object is as good as true", {"ping": {}}, _PING),
    # --- strings, true, and lists for objects ---
    Pair("thread", {"thread": "act2"}, "<message><thread>act2</thread></message>"),
    Pair(
        "retract",
        {"retract": "id-1"},
        "<message><retract xmlns='urn:xmpp:message-retract:1' id='id-1'/></message>",
    ),
    Pair(
        "fallback",
        {"fallback": True},
        "<message><fallback xmlns='urn:xmpp:fallback:0'/></message>",
    ),
    Pair(
        "oob_url alone",
        {"oob_url": "http://a/"},
        "<message><x xmlns='jabber:x:oob'><url>http://a/</url></x></message>",
    ),
    Pair(
        "files: a URL alone is a link",
        {"files": [{"url": "http://a/"}, {"url": "http://b/", "desc": "B"}]},
        """
        <message><x xmlns='jabber:x:oob'><url>http://a/</url></x>
          <x xmlns='jabber:x:oob'><url>http://b/</url><desc>B</desc></x></message>
        """,
    ),
    Pair(
        "files: a link that oob_url or xml holds is not written twice",
        {
            "files": [{"url": "http://a/"}],
            "xml": ["<x xmlns='jabber:x:oob'><url>http://a/</url></x>"],
        },
        "<message><x xmlns='jabber:x:oob'><url>http://a/</url></x></message>",
    ),
    Pair(
        "oob counts more than oob_url",
        {"oob": {"desc": "D"}, "oob_url": "http://a/"},
        "<message><x xmlns='jabber:x:oob'><desc>D</desc></x></message>",
    ),
    Pair(
        "html without its body",
        {"html": "<p>a</p>b"},
        "<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p>a</p>b</body></html></message>",
    ),
    Pair(
        "html with its namespace",
        {"html": "<body xmlns='http://www.w3.org/1999/xhtml'>a</body>"},
        "<message><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'>a</body></html></message>",
    ),
    Pair(
        "html with something else's body",
        {"html": "<body xmlns='urn:a'/>"},
        """
        <message>
          <html xmlns='http://jabber.org/protocol/xhtml-im'>
            <body xmlns='http://www.w3.org/1999/xhtml'><body xmlns='urn:a'/></body>
          </html>
        </message>
        """,
    ),
    Pair(
        "an integer from a language that has none",
        {"priority": -1.0},
        "<presence><priority>-1</priority></presence>",
    ),
    Pair("join alone", {"join": True}, f"<presence>{_MUC}</presence>"),
    Pair("muc alone", {"muc": True}, f"<presence>{_MUC}</presence>"),
    Pair(
        "muc counts more than join",
        {"muc": {"password": "p"}, "join": True},
        "<presence><x xmlns='http://jabber.org/protocol/muc'><password>p</password></x></presence>",
    ),
    Pair("disco", {"disco": {}}, f"<iq type='get'>{_INFO}</iq>"),
    Pair(
        "disco",
        {"disco": {"node": "n"}},
        f"<iq type='get'>{_INFO.replace('/>', _NODE)}</iq>",
    ),
    Pair(
        "disco.extensions: a number is text",
        {
            "type": "result",
            "disco": {"extensions": {"urn:x": {"n": 5, "l": [1, True, "b"]}}},
        },
        """
        <iq type='result'>
          <query xmlns='http://jabber.org/protocol/disco#info'>
            <x xmlns='jabber:x:data' type='result'>
              <field var='FORM_TYPE' type='hidden'><value>urn:x</value></field>
              <field var='n' type='text-single'><value>5</value></field>
              <field var='l'><value>1</value><value>1</value><value>b</value></field>
            </x>
          </query>
        </iq>
        """,
    ),
    Pair(
        "items",
        {"items": {"node": "n"}},
        f"<iq type='get'>{_ITEMS.replace('/>', _NODE)}</iq>",
    ),
    Pair(
        "items",
        {"kind": "iq", "type": "result", "items": ["a@b", {"jid": "c@d"}]},
        """
        <iq type='result'>
          <query xmlns='http://jabber.org/protocol/disco#items'>
            <item jid='a@b'/>
            <item jid='c@d'/>
          </query>
        </iq>
        """,
    ),
    Pair(
        "stats",
        {"stats": True},
        "<iq type='get'><query xmlns='http://jabber.org/protocol/stats'/></iq>",
    ),
    Pair(
        "rsm: true before is the last page",
        {"kind": "iq", "rsm": {"before": True}},
        "<iq type='get'><set xmlns='http://jabber.org/protocol/rsm'><before/></set></iq>",
    ),
    # --- command ---
    Pair(
        "command.data",
        {
            "command": {
                "node": "n",
                "data": {
                    "a": "x",
                    "b": ["y", "z"],
                    "c": True,
                    "d": None,
                    "e": 1.5,
                    "f": "1\n2",
                },
            }
        },
        "<iq type='set'><command xmlns='http://jabber.org/protocol/commands' node='n'>"
        "<x xmlns='jabber:x:data' type='submit'>"
        + _field("a", "x")
        + _field("b", "y", "z")
        + _field("c", "1")
        + _field("d")
        + _field("e", "1.5")
        + _field("f", "1", "2")
        + "</x></command></iq>",
    ),
    Pair(
        "command.form counts more than command.data",
        {"command": {"node": "n", "form": {"type": "cancel"}, "data": {"a": "x"}}},
        """
        <iq type='set'>
          <command xmlns='http://jabber.org/protocol/commands' node='n'>
            <x xmlns='jabber:x:data' type='cancel'/>
          </command>
        </iq>
        """,
    ),
    # --- archive ---
    Pair("archive", {"archive": {"with": "a@b"}}, _archive(_field("with", "a@b"))),
    Pair(
        "archive: a number as mod_rest takes it",
        {"archive": {"max": "10"}},
        _archive("", "<max>10</max>"),
    ),
    Pair(
        "an empty type, as mod_rest takes it",
        {"kind": "presence", "type": "", "show": "away"},
        "<presence><show>away</show></presence>",
    ),
    Pair(
        "a moderation is set",
        {"moderate": {"id": "m"}},
        "<iq type='set'><moderate xmlns='urn:xmpp:message-moderate:1' id='m'/></iq>",
    ),
    Pair(
        "payload: null",
        {"payload": {"datatype": "urn:x", "data": None}},
        "<message><payload xmlns='urn:xmpp:json-msg:0' datatype='urn:x'>"
        "<json xmlns='urn:xmpp:json:0'>null</json></payload></message>",
    ),
    Pair(
        "archive",
        {
            "archive": {
                "with": "a@b",
                "start": "2010-06-07T00:00:00Z",
                "end": "2010-07-07T13:23:54Z",
                "before-id": "9",
                "after-id": "1",
            }
        },
        _archive(
            _field("with", "a@b")
            + _field("start", "2010-06-07T00:00:00Z")
            + _field("end", "2010-07-07T13:23:54Z")
            + _field("before-id", "9")
            + _field("after-id", "1")
        ),
    ),
    Pair(
        "archive", {"archive": {"ids": ["1", "2"]}}, _archive(_field("ids", "1", "2"))
    ),
    Pair(
        "archive",
        {"archive": {"max": 10, "after": "5"}},
        _archive("", "<after>5</after><max>10</max>"),
    ),
    Pair(
        "archive", {"archive": {"before": "", "start": None}}, _archive("", "<before/>")
    ),
    Pair(
        "archive: null in full",
        {"archive": {"form": None, "page": None, "with": "a@b", "max": 1}},
        _archive(_field("with", "a@b"), "<max>1</max>"),
    ),
    Pair(
        "archive: the one in short, the other in full",
        {"archive": {"with": "a@b", "page": {"max": 5}}},
        _archive(_field("with", "a@b"), "<max>5</max>"),
    ),
    # --- forms ---
    Pair(
        "dataform: values",
        {
            "dataform": {
                "type": "submit",
                "fields": [{"var": "a", "values": ["x", "y"]}],
            }
        },
        _form(_field("a", "x", "y")),
    ),
    Pair(
        "dataform: values, one",
        {"dataform": {"type": "submit", "fields": [{"var": "a", "values": "x"}]}},
        _form(_field("a", "x")),
    ),
    Pair(
        "dataform: value, several",
        {
            "dataform": {
                "type": "submit",
                "fields": [{"var": "a", "value": ["x", 2, False]}],
            }
        },
        _form(_field("a", "x", "2", "0")),
    ),
    Pair(
        "dataform: a value that is no string",
        {
            "dataform": {
                "type": "submit",
                "fields": [{"var": "a", "value": True}, {"var": "b", "value": 2.5}],
            }
        },
        _form(_field("a", "1") + _field("b", "2.5")),
    ),
    Pair(
        "dataform: lines are lines where the type says so, wherever it stands",
        {
            "dataform": {
                "fields": [{"value": "1\n2", "type": "text-multi"}, {"value": "1\n2"}]
            }
        },
        """
        <message>
          <x xmlns='jabber:x:data'>
            <field type='text-multi'><value>1</value><value>2</value></field>
            <field><value>1\n2</value></field>
          </x>
        </message>
        """,
    ),
    Pair(
        "dataform: values of items",
        {"dataform": {"type": "result", "items": [{"a": None, "b": 1, "c": ["x"]}]}},
        _form(
            "<item>" + _field("a") + _field("b", "1") + _field("c", "x") + "</item>",
            "result",
        ),
    ),
    Pair(
        "dataform: not required",
        {"dataform": {"type": "form", "fields": [{"var": "a", "required": False}]}},
        _form("<field var='a'/>", "form"),
    ),
    # --- xml ---
    Pair(
        "xml: several in one, and text",
        {"xml": ["<a xmlns='urn:a'/>t<b xmlns='urn:b'/>", "", "u"]},
        "<message><a xmlns='urn:a'/>t<b xmlns='urn:b'/>u</message>",
    ),
    Pair(
        "xml: in jabber:client if it does not say",
        {"xml": ["<body>a</body>"]},
        "<message><body>a</body></message>",
    ),
    Pair(
        "xml: counts more than a key",
        {"body": "a", "xml": ["<body xml:lang='de'>b</body>"], "subject": "s"},
        "<message><body xml:lang='de'>b</body><subject>s</subject></message>",
    ),
    Pair(
        "xml: counts more than all keys for the element",
        {"oob": {}, "oob_url": "a", "xml": ["<x xmlns='jabber:x:oob'><y/></x>"]},
        "<message><x xmlns='jabber:x:oob'><y/></x></message>",
    ),
    Pair(
        "xml: counts more than a key of many",
        {"hints": ["store"], "xml": ["<no-copy xmlns='urn:xmpp:hints'/>"]},
        "<message><no-copy xmlns='urn:xmpp:hints'/></message>",
    ),
    Pair(
        "xml: only what stands directly in the stanza",
        {
            "body": "a",
            "xml": ["<x xmlns='urn:x'><body xmlns='jabber:client'>b</body></x>"],
        },
        """
        <message>
          <body>a</body>
          <x xmlns='urn:x'><body xmlns='jabber:client'>b</body></x>
        </message>
        """,
    ),
    Pair(
        "xml: the order is the keys'",
        {"subject": "s", "xml": ["<a xmlns='urn:a'/>"], "body": "b"},
        "<message><subject>s</subject><a xmlns='urn:a'/><body>b</body></message>",
    ),
)
