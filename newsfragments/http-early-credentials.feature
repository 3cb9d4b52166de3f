Credentials, path and method of a request are checked before its body is read.
