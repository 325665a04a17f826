"""Fetch a set that a card describes: resumable, checked, unpacked whole or not at all.

``run.download_set`` does it all, from parts that know nothing of each other:

    access.py    which sets may be fetched by a command, and what to do by hand for the others
    web.py       open http and https addresses, and nothing else, wherever a server redirects
    fetch.py     a file that goes on where it was cut
    checksum.py  size, SHA-256 and MD5 against the card
    names.py     names in archives that may become files here
    archives.py  the members of zip and tar archives, all alike
    unpack.py    members under checked names, within limits
    room.py      room on the disk, before it is needed

While it is under way everything lies in ``NAME.part/`` beside the set's folder; a call that was interrupted is simply
repeated. The folder itself appears complete, by one rename.
"""
