"""ULX3S with an LFE5U-85F; otherwise the board with an LFE5U-25F."""

from dataclasses import replace

from xnorloom.target.device import DEVICES

from . import ulx3s_25f
from .platforms import build_only

__all__ = ["BOARD"]


def make():
    from amaranth_boards.ulx3s import ULX3S_85F_Platform

    return build_only(ULX3S_85F_Platform)()


BOARD = replace(ulx3s_25f.BOARD, name="ulx3s_85f", title="ULX3S 85F",
                device=DEVICES["LFE5U-85F"], make=make, number=6)
