"""Amaranth components of a binarized network, one concept per file.

All components use the ``sync`` clock domain. Streams follow ``amaranth.lib.stream``: a word is
transferred while ``valid`` and ``ready`` are high; once ``valid`` is high, ``valid`` and
``payload`` hold until the transfer; ``valid`` never waits for ``ready``. Bit 0 of a word is the
element with the lowest index.
"""
