"""The picture of the graph: what is parsed, what is left out, where things stand."""

import itertools

import numpy as np
import pytest

from pipeline.errors import PipelineError
from pipeline.release import rule_graph

DOT = """
digraph snakemake_dag {
    graph[bgcolor=white, margin=0];
    node[shape=box, style=rounded, fontname=sans, fontsize=10, penwidth=2];
    edge[penwidth=2, color=grey];
\t0[label = "all", color = "0.00 0.6 0.85", style="rounded"];
\t1[label = "ingest\\nbatch: t1", color = "0.10 0.6 0.85", style="rounded"];
\t2[label = "splits", color = "0.20 0.6 0.85", style="rounded"];
\t3[label = "sample", color = "0.30 0.6 0.85", style="rounded"];
\t4[label = "train_probe", color = "0.40 0.6 0.85", style="rounded"];
\t5[label = "import_grades", color = "0.50 0.6 0.85", style="rounded"];
\t5 -> 0
\t1 -> 3
\t2 -> 3
\t1 -> 4
\t3 -> 4
\t4 -> 5
\t5 -> 3
}
"""


def test_rules_and_edges_are_read_and_a_circle_is_opened():
    rules, edges = rule_graph.parse_dot(DOT)
    assert rules == ["import_grades", "ingest", "sample", "splits", "train_probe"]
    # A second round's sample reads the grades of the first one: that edge leads back and is left out.
    assert edges == [
        ("ingest", "sample"), ("ingest", "train_probe"), ("sample", "train_probe"), ("splits", "sample"),
        ("train_probe", "import_grades"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "Building DAG of jobs...", "digraph x { }"])
def test_other_text_is_refused(text):
    with pytest.raises(PipelineError, match="not a graph of rules"):
        rule_graph.parse_dot(text)


def _reachable(edges):
    found = set(edges)
    while True:
        more = {(a, d) for a, b in found for c, d in found if b == c} - found
        if not more:
            return found
        found |= more


def _random_graph(seed, n=14, share=0.3):
    rng = np.random.default_rng(seed)
    rules = [f"r{number:02d}" for number in range(n)]
    edges = [(a, b) for a, b in itertools.combinations(rules, 2) if rng.random() < share]
    return rules, edges


@pytest.mark.parametrize("seed", range(5))
def test_essential_edges_reach_what_all_edges_reach_and_none_can_be_spared(seed):
    rules, edges = _random_graph(seed)
    kept = rule_graph.essential(rules, edges)
    assert _reachable(kept) == _reachable(edges) and set(kept) <= set(edges)
    for edge in kept:
        assert edge not in _reachable(set(kept) - {edge})


@pytest.mark.parametrize("seed", range(5))
def test_data_flow_downwards_and_nothing_lies_on_anything(seed):
    rules, edges = _random_graph(seed)
    kept = rule_graph.essential(rules, edges)
    places, ways = rule_graph.place(rules, kept)
    assert set(places) == set(rules) and set(ways) == set(kept)
    for one, two in kept:
        assert places[one][1] < places[two][1]
        assert ways[one, two][0].tolist() == list(places[one]) and ways[one, two][-1].tolist() == list(places[two])
        assert np.diff(ways[one, two][:, 1]).tolist() == [1] * (places[two][1] - places[one][1])
    for one, two in itertools.combinations(rules, 2):
        if places[one][1] == places[two][1]:
            assert abs(places[one][0] - places[two][0]) > 1 - 1e-9
    for edge, way in ways.items():
        for across, layer in way[1:-1]:
            beside = [place[0] for name, place in places.items() if place[1] == layer and name not in edge]
            assert all(abs(across - other) > 0.55 - 1e-9 for other in beside)


def test_crossings_are_counted_and_ordering_removes_them():
    below = {"a": ["y"], "b": ["x"]}
    assert rule_graph.crossings([["a", "b"], ["x", "y"]], below) == 1
    assert rule_graph.crossings([["b", "a"], ["x", "y"]], below) == 0
    assert rule_graph.crossings([["a", "b"], ["x", "y"]], {"a": ["x", "y"], "b": ["x", "y"]}) == 1
    places, _ = rule_graph.place(["a", "b", "x", "y"], [("a", "y"), ("b", "x")])
    assert (places["a"][0] < places["b"][0]) == (places["y"][0] < places["x"][0])


def test_a_source_stands_beside_what_reads_it():
    layer = rule_graph.layers_of(["a", "b", "c", "late"], [("a", "b"), ("b", "c"), ("late", "c")])
    assert layer == {"a": 0, "b": 1, "c": 2, "late": 1}


def test_the_drawing_names_every_rule_and_chapter():
    rules, edges = rule_graph.parse_dot(DOT)
    chapters = {"survey": ["ingest"], "labels": ["splits", "sample"], "models": ["train_probe"], "unused": ["other"]}
    figure = rule_graph.draw(rules, edges, chapters, "Title")
    (axes,) = figure.axes
    shown = {text.get_text() for text in axes.texts} | {text.get_text() for text in axes.get_legend().get_texts()}
    assert {"Title", "ingest", "splits", "sample", "train probe", "import grades"} <= shown
    assert {"survey", "labels", "models"} <= shown and "unused" not in shown
    colours = {patch.get_edgecolor() for patch in axes.patches if hasattr(patch, "get_boxstyle")}
    assert len(colours) == 4  # three chapters, and grey for a rule that stands in none
