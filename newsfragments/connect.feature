The gateway stays connected to Prosody, ejabberd or any other server as an external component (XEP-0114), over TCP or TLS, and says in the log why it is not.
