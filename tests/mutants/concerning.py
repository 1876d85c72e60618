"""Tests that concern each source module, the fast ones first."""

from fnmatch import fnmatch

__all__ = ["SOURCES", "concerning"]

# Sources that are mutated: what decides about the answers of a network.
SOURCES = ("hdl/xnorloom/gateware/*.py", "hdl/xnorloom/packing/*.py",
           "hdl/xnorloom/schedule/*.py", "hdl/xnorloom/lowering/*.py",
           "boards/xnorloom_boards/link/*.py", "boards/xnorloom_boards/link/gateware/*.py",
           "sim/xnorloom_sim/golden*.py")

_LAYERS = ("hdl/gateware/test_layer.py", "hdl/gateware/test_scaled_layer.py")
# Tests in Amaranth's simulator only: others compile each mutant with C++.
_NETWORK = tuple(f"hdl/gateware/test_network.py::{name}" for name in (
    "test_network_wrong", "test_single_class_and_single_everything", "test_model_equals_golden",
    "test_padding_bits_of_the_input_are_ignored", "test_random_network",
    "test_random_network_stalled"))
_SPRAM = tuple(f"hdl/gateware/test_spram.py::{name}" for name in (
    "test_words", "test_load_wrong", "test_no_ports_without_spram", "test_depth_wrong",
    "test_reload"))
_NETWORKS = (*_NETWORK, *_SPRAM)
# Convolutions: model and gateware of small networks, then of random ones.
_CONVS = tuple(f"hdl/gateware/test_conv_network.py::{name}" for name in (
    "test_model", "test_known_from_elsewhere", "test_chain"))
_ZEROS = "hdl/gateware/test_zero_padding.py"
_MAPS = ("hdl/schedule/test_layer_plan_maps.py", "hdl/schedule/test_reach.py")
_BATCHES = tuple(f"hdl/gateware/test_batches.py::{name}" for name in (
    "test_wrong", "test_models", "test_operand_buffer", "test_one_network_at_many_schedules",
    "test_columns_in_memory", "test_random_network", "test_random_network_stalled"))
_SCORES = "hdl/lowering/test_scores.py"
_SCORES_SIZE = "hdl/lowering/test_scores_size.py"
_LOWER = ("hdl/lowering/test_rounding.py", "hdl/lowering/test_lower_wrong.py",
          "hdl/lowering/test_lower.py")
_LOWER_MAPS = ("hdl/lowering/test_convolution_wrong.py", "hdl/lowering/test_convolution.py")
_IMPORTS = ("hdl/lowering/test_import_wrong.py", "hdl/lowering/test_import_layers.py",
            "hdl/frontend/test_torch.py", "hdl/lowering/test_import_size.py",
            "hdl/lowering/test_import_conv.py")
# What follows the last layer.
_ENDS = ("hdl/lowering/test_one_output.py", "hdl/frontend/keras/test_ends.py",
         "hdl/lowering/test_import_rearranged.py")
_HOST = ("boards/link/test_protocol.py", "boards/link/test_connection_wrong.py",
         "boards/link/test_connection.py", "boards/link/test_connection_port.py")
_HOST_MORE = ("boards/link/test_connection_zeros.py", "boards/link/test_connection_broken_off.py",
              "boards/link/test_connection_load.py", "boards/link/test_connection_refused.py")
_LINK = ("boards/link/test_framing.py", "boards/link/test_link.py", "boards/link/test_load.py")
_CHIP = ("hdl/gateware/test_synthesis.py", "boards/link/test_size.py",
         "boards/link/test_load_size.py")

# The first pattern that fits a module has its tests: those of each run, and, for mutants that
# survive them, those of `--deep`.
_TESTS = {
    "*/gateware/popcount.py": (("hdl/gateware/test_popcount.py", "hdl/gateware/test_neuron.py"),
                               (*_LAYERS, *_CHIP)),
    "*/gateware/counting/*.py": (("hdl/gateware/counting/test_tree.py",
                                  "hdl/gateware/counting/test_code.py",
                                  "hdl/gateware/test_popcount.py", "hdl/gateware/test_neuron.py"),
                                 ("hdl/gateware/test_formal.py", *_LAYERS, *_CHIP)),
    "*/gateware/xnor.py": (("hdl/gateware/test_xnor.py", "hdl/gateware/test_neuron.py"), _LAYERS),
    "*/gateware/threshold.py": (("hdl/gateware/test_threshold.py", "hdl/gateware/test_neuron.py"),
                                (*_LAYERS, *_CHIP)),
    "*/gateware/rom.py": (("hdl/gateware/test_rom.py", *_LAYERS), _CHIP),
    "*/gateware/primitives.py": (("hdl/gateware/test_primitives.py",
                                  "hdl/gateware/test_popcount.py",
                                  "hdl/gateware/test_operand_buffer.py"),
                                 (*_LAYERS, *_NETWORKS, *_CHIP)),
    "*/xnorloom/gateware/stream.py": (("hdl/gateware/test_stream.py",), (*_NETWORKS, *_BATCHES)),
    "*/gateware/operand_buffer.py": (("hdl/gateware/test_operand_buffer.py",),
                                     (*_NETWORKS, *_CHIP)),
    "*/gateware/batch_*.py": (_BATCHES, ("hdl/gateware/test_reset.py",)),
    "*/gateware/frame_store.py": (("hdl/gateware/test_operand_buffer.py",), _BATCHES),
    "*/gateware/spread.py": (("hdl/gateware/test_spread.py",), _CHIP),
    "*/gateware/word_window.py": (("hdl/gateware/test_word_window.py",), (*_CONVS, *_CHIP)),
    "*/gateware/window_*.py": (("hdl/gateware/test_word_window.py",), (*_CONVS, *_CHIP)),
    "*/gateware/operands.py": (("hdl/gateware/test_word_window.py", *_CONVS), _LAYERS),
    "*/gateware/wired.py": (("hdl/gateware/test_wired.py", "hdl/gateware/test_wired_network.py"),
                           _LAYERS),
    **{f"*/gateware/{name}.py": (("hdl/gateware/test_packets.py",
                                  "hdl/gateware/test_axi_stream.py"),
                                 ("hdl/export/test_verilog.py",))
       for name in ("axi_stream", "packet_check", "word_splitter")},
    "*/gateware/layer*.py": (("hdl/gateware/test_neuron.py", *_LAYERS,
                              "hdl/gateware/test_absent.py", *_CONVS, _ZEROS),
                             ("hdl/gateware/test_reset.py", *_NETWORKS, *_CHIP)),
    "*/gateware/parameters.py": (("hdl/gateware/test_neuron.py", *_LAYERS, *_CONVS),
                                 (*_NETWORKS, *_CHIP)),
    "*/gateware/sequencer.py": ((*_LAYERS, *_CONVS), (*_NETWORKS, *_CHIP)),
    "*/gateware/argmax.py": (("hdl/gateware/test_argmax.py",), _NETWORKS),
    "*/gateware/weight_ram.py": (("hdl/gateware/test_weight_ram.py", *_SPRAM),
                                 ("hdl/gateware/test_spram.py",)),
    "*/gateware/network.py": ((*_NETWORKS, *_CONVS),
                             ("hdl/gateware/test_scaled_network.py", *_BATCHES)),
    "*/gateware/stages.py": (("hdl/gateware/test_stages.py",
                             "hdl/gateware/test_batches.py::test_models", *_NETWORK, *_CONVS),
                            ("hdl/gateware/test_scaled_network.py", *_BATCHES)),
    "*/gateware/count_accumulator.py": (("hdl/gateware/test_neuron.py", *_LAYERS, _ZEROS),
                                        _NETWORKS),
    "*/gateware/score_unit.py": (("hdl/gateware/test_neuron.py",
                                  "hdl/gateware/test_scaled_layer.py"),
                                 ("hdl/gateware/test_scaled_network.py",)),
    "*/gateware/multiplier.py": (("hdl/gateware/test_multiplier.py",),
                                 ("hdl/gateware/test_scaled_network.py",)),
    "*/xnorloom/gateware/*.py": (("hdl/gateware/test_neuron.py", *_LAYERS),
                                 ("hdl/gateware/test_reset.py", *_NETWORKS,
                                  "hdl/gateware/test_spram.py::test_networks", *_CHIP)),
    "*/packing/*.py": (("hdl/packing/test_packing.py", "boards/link/test_protocol.py",
                        "hdl/gateware/test_layer.py", *_SPRAM, _CONVS[0]), (*_NETWORKS, *_CONVS)),
    "*/schedule/zero_padding.py": ((_ZEROS,), _CONVS),
    "*/schedule/ring.py": ((*_MAPS, _ZEROS), _CONVS),
    "*/schedule/reach.py": (("hdl/schedule/test_reach.py", *_MAPS[:1]), _CONVS),
    "*/schedule/*.py": (("hdl/schedule/test_plan.py", *_MAPS, "hdl/schedule/test_schedule.py",
                         "hdl/folding/test_summary.py", "hdl/folding/test_automatic.py"),
                        ("hdl/gateware/test_layer.py", *_NETWORKS, *_CONVS)),
    "*/lowering/decision.py": (_ENDS, _LOWER),
    "*/lowering/score_order.py": (_ENDS, (*_LOWER, *_IMPORTS)),
    "*/lowering/probe_sums.py": (("hdl/lowering/test_rounding.py", *_ENDS), _IMPORTS),
    "*/lowering/doubt.py": (("sim/verification/test_rounding.py",), _LOWER),
    "*/lowering/sc*.py": (("hdl/lowering/test_scores_parts.py", _SCORES, *_LOWER),
                          (_SCORES_SIZE, *_IMPORTS)),
    **{f"*/lowering/{name}.py": ((*_LOWER_MAPS, *_LOWER), _IMPORTS)
       for name in ("convolution", "pooling", "layout", "chain", "compose")},
    **{f"*/lowering/{name}.py": (("hdl/lowering/test_import_thermometer.py",
                                  "hdl/lowering/test_import_rearranged.py"), _LOWER)
       for name in ("expansion", "thermometer")},
    "*/lowering/*.py": ((*_LOWER, *_LOWER_MAPS), (*_ENDS, *_IMPORTS)),
    "*/link/gateware/uart.py": (("boards/link/test_uart.py",),
                                ("boards/link/test_slow.py", *_LINK)),
    "*/link/gateware/spi.py": (("boards/link/test_spi.py",), ("boards/link/test_spi_board.py",)),
    "*/link/gateware/framing.py": (("boards/link/test_framing.py", "boards/link/test_link.py"),
                                   ("boards/link/test_load.py",)),
    "*/link/gateware/loader.py": (("boards/link/test_load.py",), ("boards/link/test_link.py",)),
    "*/link/gateware/*.py": (("boards/link/test_link.py", "boards/link/test_load.py"), _CHIP),
    "*/link/spi_port.py": (("boards/link/test_spi_port.py",), ("boards/link/test_spi_board.py",)),
    "*/link/find_port.py": (("boards/link/test_find_port.py",), _HOST),
    "*/link/protocol.py": ((*_HOST, "boards/link/test_link.py"), _HOST_MORE),
    "*/link/load_weights.py": (("boards/link/test_connection_load.py",), _HOST),
    "*/link/sizes.py": (("boards/link/test_sizes.py",), ("boards/test_build.py",)),
    "*/link/weights.py": (("boards/link/test_connection_load.py",
                           "boards/link/test_connection_wrong.py"), _HOST),
    "*/link/*.py": (_HOST, _HOST_MORE),
    "*/golden_maps.py": (("sim/test_golden_maps.py", "sim/test_golden_present.py"),
                         ("hdl/lowering/test_import_conv.py",)),
    "*/golden*.py": (("sim/test_golden_maps.py", "sim/test_golden_present.py",
                      "sim/test_golden.py"),
                     ("sim/verification/test_verify.py",)),
}


def concerning(module: str, *, deep: bool = False) -> list[str]:
    """Return test files, or tests, of a module; with ``deep`` those that take longer."""
    both = next(both for pattern, both in _TESTS.items() if fnmatch(module, pattern))
    ports = ["architecture/test_ports.py"] if "/gateware/" in module and not deep else []
    return [f"tests/{name}" for name in (*ports, *both[deep])]
