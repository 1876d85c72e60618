"""The boards, one file each; see :mod:`xnorloom_boards.board`."""
