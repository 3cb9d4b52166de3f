The settings ``inbox-limit`` and ``inbox-size`` limit the stored stanzas that wait for a callback; the metric ``xmpprest_inbox_refused`` counts refused ones.
