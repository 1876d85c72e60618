"""The parts of :mod:`xnorloom.lowering.lower`, in the order of the data: pixels to elements
(:mod:`~.quantize`), linear layers to counts (:mod:`~.stage`), what is behind them as tables
(:mod:`~.tabulate`), tables to thresholds (:mod:`~.binarize`) and to scores (:mod:`~.scores`).
"""
