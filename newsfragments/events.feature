What happens can be watched as it happens: ``GET /rest/events`` tells of every stanza that passes, of the stream and of the rates, as Server-Sent Events.
