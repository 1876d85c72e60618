"""Board definitions, one file each; see :class:`xnorloom_boards.board.Board`."""
