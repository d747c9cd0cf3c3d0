from dataclasses import replace

import pandas as pd
import pytest
import torch

from lstm_units.errors import CheckpointError, StimuliError
from lstm_units.models.identity import check_golden_log_probabilities, check_identity
from lstm_units.models.language_model import log_probabilities_ref
from lstm_units.models.vocabulary import Vocabulary

# (gate's place in the stacked weights, unit, from unit, weight), counted from 1 as in the paper
PLANTED = [
    (0, 776, 1150, -3.06941867),
    (0, 988, 1150, -1.00195849),
    (0, 988, 776, 1.84796286),
    (1, 776, 1150, 1.86666167),
    (1, 988, 1150, 2.68526793),
    (1, 988, 776, 2.30926108),
    (1, 776, 988, 1.67384756),
    (2, 988, 776, -3.40009308),
    (3, 988, 776, -1.6970458),
]
WORDS = tuple(f"w{row}" for row in range(70))
WORDS = (*WORDS[:19], "<eos>", *WORDS[20:62], "<unk>", *WORDS[63:])


@pytest.fixture(scope="module")
def published(random_model):
    """A model of the published shape with the golden weights planted in noise."""
    model = random_model((650, 650), 4, WORDS, dtype=torch.float32)
    weight_hh = model.layers[1].weight_hh.clone()
    for gate, unit, from_unit, weight in PLANTED:
        weight_hh[gate * 650 + unit - 651, from_unit - 651] = weight
    return replace(model, layers=(model.layers[0], replace(model.layers[1], weight_hh=weight_hh)))


def test_planted_weights_are_recognised(published):
    table = check_identity(published)
    assert len(table) == 9
    assert table["match"].all()
    assert table["difference"].abs().max() < 1e-6
    row = table.set_index(["gate", "unit", "from_unit"]).loc[("forget_gate", 776, 988)]
    assert row["expected"] == 1.67384756


@pytest.mark.parametrize("place", range(9))
def test_one_other_weight_is_noticed(published, place):
    gate, unit, from_unit, weight = PLANTED[place]
    weight_hh = published.layers[1].weight_hh.clone()
    weight_hh[gate * 650 + unit - 651, from_unit - 651] = weight + 2e-5
    layers = (published.layers[0], replace(published.layers[1], weight_hh=weight_hh))
    matches = check_identity(replace(published, layers=layers))["match"]
    assert (~matches).tolist() == [i == place for i in range(9)]


def test_another_model_matches_nothing(random_model):
    assert not check_identity(random_model((650, 650), 4, WORDS, seed=1))["match"].any()


def test_another_gate_order_or_layer_matches_nothing(published):
    first, second = published.layers
    rolled = replace(second, weight_hh=second.weight_hh.roll(650, 0))
    assert not check_identity(replace(published, layers=(first, rolled)))["match"].any()
    swapped = replace(published, layers=(second, first))
    assert not check_identity(swapped)["match"].any()


def test_what_cannot_be_the_published_model_is_refused(random_model, published):
    with pytest.raises(CheckpointError, match=r"layers have \(5, 7\) units, expected \(650, 650\)"):
        check_identity(random_model())
    with pytest.raises(CheckpointError, match="identity 'other' is unknown; write one of gulord"):
        check_identity(published, "other")
    moved = Vocabulary((WORDS[-1], *WORDS[1:-1], WORDS[0]))
    assert len(check_identity(replace(published, vocabulary=moved))) == 9
    moved = Vocabulary((WORDS[19], *WORDS[1:19], WORDS[0], *WORDS[20:]))
    with pytest.raises(CheckpointError, match="<eos> stands in row 0, expected 19"):
        check_identity(replace(published, vocabulary=moved))


def golden_file(path, model, context, sentences):
    """Golden values by the reference, one sentence at a time."""
    rows = []
    for sentence, wrong in sentences:
        *prefix, correct = sentence.split()
        logp = log_probabilities_ref(model, [*context, *prefix])[-1]
        values = (float(logp[model.vocabulary.index[form]]) for form in (correct, wrong))
        rows.append((sentence, "singular", "plural", correct, wrong, *values))
    columns = "sentence subject_number attractor_number correct wrong logp_correct logp_wrong"
    pd.DataFrame(rows, columns=columns.split()).to_csv(path, sep="\t", index=False)
    return path


CONTEXT = ("a", "b", "A", "<eos>", "c")
SENTENCES = [
    (" ".join([x, y, z, right]), wrong)
    for x in "abA"
    for y in "cdq"
    for z in "ab"
    for right, wrong in (("e", "f"), ("f", "e"))
] + [("a e", "f"), ("a b c d a b f", "e"), ("a c a e", "f")]


@pytest.mark.parametrize("batch", [1, 4, 256])
def test_golden_log_probabilities_of_the_model_itself(tmp_path, random_model, monkeypatch, batch):
    monkeypatch.setattr("lstm_units.models.identity._BATCH", batch)
    model = random_model(dtype=torch.float64)
    path = golden_file(tmp_path / "golden.tsv", model, CONTEXT, SENTENCES)
    table = check_golden_log_probabilities(model, CONTEXT, path)
    assert table["difference"].max() < 1e-12
    assert table["match"].all() and table["same_answer"].all()
    assert table["sentence"].tolist() == [sentence for sentence, _ in SENTENCES]


def test_one_other_golden_value_is_noticed(tmp_path, random_model):
    model = random_model(dtype=torch.float64)
    path = golden_file(tmp_path / "golden.tsv", model, CONTEXT, SENTENCES)
    golden = pd.read_csv(path, sep="\t")
    golden.loc[3, "logp_wrong"] += 2e-3
    golden.loc[5, ["logp_correct", "logp_wrong"]] = golden.loc[
        5, ["logp_wrong", "logp_correct"]
    ].tolist()
    golden.to_csv(path, sep="\t", index=False)
    table = check_golden_log_probabilities(model, CONTEXT, path)
    assert table.index[~table["match"]].tolist() == [3, 5]
    assert table.index[~table["same_answer"]].tolist() == [5]
    assert table.loc[3, "difference"] == pytest.approx(2e-3)


def test_context_counts_and_its_case_too(tmp_path, random_model):
    model = random_model(words=("<unk>", "<eos>", "a", "A", "b", "c", "d", "e", "f"))
    path = golden_file(tmp_path / "golden.tsv", model, CONTEXT, SENTENCES)
    assert check_golden_log_probabilities(model, CONTEXT, path)["match"].all()
    for other in ((), [word.lower() for word in CONTEXT], CONTEXT[:-1]):
        assert check_golden_log_probabilities(model, other, path)["match"].mean() < 0.2


def test_other_weights_do_not_match(tmp_path, random_model):
    path = golden_file(tmp_path / "golden.tsv", random_model(), CONTEXT, SENTENCES)
    assert not check_golden_log_probabilities(random_model(seed=1), CONTEXT, path)["match"].any()


@pytest.mark.parametrize(
    ("line", "text", "match"),
    [
        (0, "sentence\tcorrect", "line 1: no column subject_number"),
        (2, "a b e\tx\tx\tf\te\t-1\t-2", "line 3: 'a b e' does not end with its correct form 'f'"),
        (2, "a b e\tx\tx\te\tzzz\t-1\t-2", "line 3: the verb form 'zzz' is not in the vocabulary"),
        (2, "a b e\tx\tx\te\tf\tmany\t-2", "column logp_correct holds something"),
    ],
)
def test_bad_golden_files_are_reported_by_line(tmp_path, random_model, line, text, match):
    path = golden_file(tmp_path / "golden.tsv", random_model(), CONTEXT, SENTENCES)
    lines = path.read_text().split("\n")
    lines[line] = text
    path.write_text("\n".join(lines if line else [text, ""]))
    with pytest.raises(StimuliError, match=match):
        check_golden_log_probabilities(random_model(), CONTEXT, path)
    with pytest.raises(StimuliError, match="cannot read"):
        check_golden_log_probabilities(random_model(), CONTEXT, tmp_path / "none.tsv")


@pytest.mark.golden
def test_published_log_probabilities_give_the_published_accuracies(published_data, random_model):
    """The file is read whole, and its own columns give the accuracies of the paper's network."""
    lines = (published_data / "gulordava_vocab.txt").read_text(encoding="utf-8").split("\n")
    model = random_model((4, 4), 4, tuple(lines[:50001]), dtype=torch.float32)
    context = (published_data / "context_2019.txt").read_text(encoding="utf-8").split()
    assert len(context) == 133
    path = published_data / "nounpp_gulordava_logprobs.tsv"
    table = check_golden_log_probabilities(model, context, path)
    assert len(table) == 4000
    assert not table["match"].any()
    assert set(table["subject_number"] + " " + table["attractor_number"]) == {
        "singular singular",
        "singular plural",
        "plural singular",
        "plural plural",
    }
    right = table["expected_correct"] > table["expected_wrong"]
    accuracy = right.groupby([table["subject_number"], table["attractor_number"]]).mean().round(3)
    assert accuracy.to_dict() == {
        ("singular", "singular"): 0.989,
        ("singular", "plural"): 0.867,
        ("plural", "singular"): 0.93,
        ("plural", "plural"): 0.987,
    }
    reference = log_probabilities_ref(model, [*context, *table["sentence"][7].split()[:-1]])[-1]
    found = reference[model.vocabulary.index[table["correct"][7]]]
    assert table["found_correct"][7] == pytest.approx(float(found), abs=1e-4)
