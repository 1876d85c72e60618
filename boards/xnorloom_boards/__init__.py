"""Boards and host programs of xnorloom networks; the first boards come with a later version."""
