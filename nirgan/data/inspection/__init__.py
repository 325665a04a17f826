"""What is in a folder and what is wrong with it, from its pictures: each is decoded and reduced to a small record.

``survey`` looks at every pair, in processes (``look``), and keeps what it found in a file (``journal``); ``report``
says what that means for the whole: full scale, copies, problems, misalignment.
"""
