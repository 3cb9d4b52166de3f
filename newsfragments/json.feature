The JSON form of stanzas has the keys of ``mod_rest`` and more, loses nothing, and refuses a key that it does not know with the nearest one that it does.
