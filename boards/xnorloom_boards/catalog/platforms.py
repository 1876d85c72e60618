"""Platforms of amaranth-boards without the programs that write to a board."""

from typing import Any

__all__ = ["build_only"]


def build_only(platform: type) -> type:
    """Derive a platform class whose build needs only the tools of the FPGA.

    Some platforms require a programmer, or run a program that comes with it, when they build.
    """
    from amaranth.vendor import LatticePlatform

    vendor: Any = LatticePlatform
    return type(platform.__name__, (platform,), {
        "required_tools": vendor.required_tools, "command_templates": vendor.command_templates})
