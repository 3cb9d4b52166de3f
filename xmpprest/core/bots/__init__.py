"""
Bots: addresses of the gateway with a presence, contacts and a profile of their own.

For a bot the gateway is what a server is for its users (RFC 6121 §3, §4). Everything in
this package decides; L{xmpprest.bots} keeps, sends and receives.

  - A L{Profile<xmpprest.core.bots.profile.Profile>} is what a client sets by C{PUT}.
    From it follow the presence, the answer to disco#info with its hash (XEP-0115), and
    the vCard with its hash (XEP-0153).
  - A L{Contact<xmpprest.core.bots.contact.Contact>} is an entry of the bot's roster.
    Its L{Subscription<xmpprest.core.bots.subscription.Subscription>} has two halves,
    and each type of presence moves one of them, by the tables of RFC 6121, appendix A.
  - L{xmpprest.core.bots.policy} decides what an inbound presence or a request of a
    client leads to: a new state of the contact, and stanzas to send.

The store has the truth about profiles and contacts, and memory a copy of it. A change
is made in memory, committed, and only then told to the contact. If the gateway dies in
between, the contact's server asks again at the contact's next login. The resources of
contacts are in memory only: after each new stream they are asked for by probes.

The bot speaks from one resource, C{xmpprest}. Its contacts are bare addresses.
"""
