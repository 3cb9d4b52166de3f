Messages have the key ``files``: shared files (XEP-0447) and links to files (XEP-0066),
in both directions.
