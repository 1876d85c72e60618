"""Lowering of source programs to integer graphs.

:mod:`~.lower` calls the other modules in the order of the data: pixels to input levels
(:mod:`~.input_levels`), linear layers in order (:mod:`~.chain`) to counts (:mod:`~.preactivation`,
:mod:`~.convolution`), the arithmetic after them (:mod:`~.segmentation`) to tables
(:mod:`~.segment`), and tables to thresholds (:mod:`~.thresholds`) and scores (:mod:`~.scores`).
"""
