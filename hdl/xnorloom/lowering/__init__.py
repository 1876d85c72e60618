"""Lowering of source programs to integer graphs.

:mod:`~.lower` calls the other modules in the order of the data: pixels to input levels
(:mod:`~.input_levels`), linear layers to counts (:mod:`~.preactivation`), the arithmetic after them
to tables (:mod:`~.segment`), and tables to thresholds (:mod:`~.thresholds`) and scores
(:mod:`~.scores`).
"""
