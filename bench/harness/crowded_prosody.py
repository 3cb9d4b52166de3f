"""A Prosody that fills a room by itself when the first of a crowd enters."""

from __future__ import annotations

from tests.support.prosody import Prosody

#: Adds occupants as a join does, but without showing them to one another: fifty joins
#: of a room are 2,500 presences, which take Prosody a second.
_MODULE = """
local st = require "util.stanza";
local bare = require "util.jid".bare;
local count = module:get_option_number("crowd_size", 0);

module:hook("muc-occupant-joined", function (event)
    local room = event.room;
    local rest = event.stanza.attr.from:match("^crowd0(@.*)$");
    if not rest then return; end
    for number = 1, count - 1 do
        local jid = "crowd"..number..rest;
        local nick = room.jid.."/Occupant "..number;
        local presence = st.presence({ from = jid; to = nick })
            :tag("show"):text("away"):up()
            :tag("status"):text("Occupant "..number.." is at lunch"):up();
        local occupant = room:new_occupant(bare(jid), nick);
        module:fire_event("muc-occupant-pre-join", {
            room = room; stanza = presence; occupant = occupant;
            is_first_session = true;
        });
        occupant:set_session(jid, presence);
        room:save_occupant(occupant);
    end
end);
"""


class CrowdedProsody(Prosody):
    """
    A Prosody whose rooms without an archive fill themselves, and are in memory only: in
    files, Prosody writes the list of all rooms again for each room that it saves.

    @ivar crowd: The number of occupants that a room has when C{crowd0} has entered.
    """

    def __init__(self, crowd: int) -> None:
        super().__init__()
        self.crowd = crowd

    def _configure(self) -> None:
        super()._configure()
        modules = self.directory / "modules"
        modules.mkdir(exist_ok=True)
        (modules / "mod_crowd.lua").write_text(_MODULE)
        path = self.directory / "prosody.cfg.lua"
        component = f'Component "{self.plainMUCDomain}" "muc"\n'
        options = (
            'modules_enabled = { "crowd" }\nstorage = "memory"\n'
            f"muc_room_cache_size = 10000\ncrowd_size = {self.crowd}\n"
        )
        text = path.read_text().replace(component, component + options)
        path.write_text(f'plugin_paths = {{ "{modules}" }}\n{text}')
