"""Platforms of amaranth-boards, without the programs that write to a board."""

from typing import Any

__all__ = ["build_only"]


def build_only(platform: type) -> type:
    """A platform class whose build needs the FPGA's own tools only.

    Some platforms ask for the loader, or run a program that belongs to it, when they build.
    """
    from amaranth.vendor import LatticePlatform

    vendor: Any = LatticePlatform
    return type(platform.__name__, (platform,), {
        "required_tools": vendor.required_tools, "command_templates": vendor.command_templates})
