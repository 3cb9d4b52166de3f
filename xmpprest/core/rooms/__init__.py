"""
Decides how the gateway stays in rooms (XEP-0045); nothing here waits or sends.

A membership is a pair of a room and a bare address of the gateway. One state machine
per membership (L{transitions}) takes events, such as a presence of the room, and
returns actions, such as a stanza to send. The shell in C{xmpprest/rooms} turns stanzas
into events (L{reading}), carries out the actions, and stores the record (L{values}).

The phases, and the state that clients see::

    OFFLINE      waiting   there is no stream
    QUEUED       joining   waits until fewer than 20 joins are under way
    CHECKING     joining   asks disco whether there is such a room
    ENTERING     joining   has sent the join presence
    CONFIGURING  joining   unlocks a room that it has created
    JOINED       joined    is an occupant; pings itself when the room is silent
    WAITING      waiting   tries again after a backoff of 1 s to 5 min
    REMOVED      removed   was kicked or banned, or may not enter; a PUT tries again
    LEFT         (none)    was deleted, or refused before it was stored

Tables (L{tables}) say what each error condition and each status code means. Messages
that a room repeats are recognised by L{history}. A message is recorded as seen in the
commit that stores it, so that after a kill nothing is delivered twice or missed.
"""
