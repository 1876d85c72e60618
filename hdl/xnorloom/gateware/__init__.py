"""Amaranth components of a binarized network, one concept a file.

All of them use the ``sync`` clock domain. Streams follow ``amaranth.lib.stream``: a word is
transferred when valid and ready, valid and payload hold until then, valid never waits for ready.
Bit 0 of every word is the element with the lowest index.
"""
