Messages have the key `files`: shared files (XEP-0447) and links to files, with their names, types, sizes and hashes, in both directions.
