``POST /rest/message/{type}/{to}`` takes forms with files (``multipart/form-data``), and
JSON takes ``files`` with ``data``: the gateway uploads the files, and sends the text and a
message for each file. It finds the upload service by itself.
