"""``xnorloom info``."""

import re

from xnorloom.graph import Graph


def test_info(run_json, model):
    values = run_json("info", model)
    graph = Graph.load(model)
    assert values["name"] == "toy"
    assert values["digest"] == graph.digest
    assert values["input"] == {"shape": [6, 5], "bits": 3, "cuts": None, "meaning": None}
    assert values["synapses"] == values["weight_bits"] == 30 * 7 + 7 * 4
    assert values["classes"] == 4
    assert [(e["name"], e["kind"], e["inputs"], e["neurons"]) for e in values["layers"]] == [
        ("dense0", "dense", 30, 7), ("score", "score", 7, 4)]
    # Thresholds go from 0 to 30 * 7 + 1.
    assert [e["threshold_bits"] for e in values["layers"]] == [7 * 8, 0]


def test_info_text(run, model):
    text = run("info", model)
    assert re.search(r"^input    6 x 5 = 30 elements of 3 bits$", text, re.MULTILINE)
    assert re.search(r"^total .* 238 ", text, re.MULTILINE)


def test_info_bundled(run_json, bundled):
    assert run_json("info", "tfc")["digest"] == bundled.digest


def test_info_wrong_name(wrong):
    wrong("model 'tcf' is neither a file nor one of the bundled models .*tfc.*", "info", "tcf")
