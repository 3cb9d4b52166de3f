Errors about an unknown key name the key that was meant also for ``text`` (``body``) and
for other capitals (``To``), and one about a Basic user name says which is expected.
