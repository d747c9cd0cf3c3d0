"""Break the library in one place at a time, and see that the tests notice.

``python tests/mutations.py [--project FOLDER] [NUMBER ...]``

A mutation is a plausible mistake in the science: a sign, a mask left out, a wrong null. Each is
made in a copy of ``src``, and the few tests named with it are run on the copy. Code is found by its
text and tests by their names, wherever they stand, so that a moved file changes nothing here. A
text that does not occur exactly once, or a test that is not there, is an error.
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Mutation:
    """A mistake and the tests that have to notice it.

    Parameters
    ----------
    name : str
        The mistake in words.
    old, new : str
        A piece of the code, and what takes its place.
    tests : tuple of str
        Names of test functions.
    before : (str, str) or None
        Old and new text in the code of commit 64935f9, before the library was taken apart into
        folders, where it reads otherwise. Used if `old` does not occur.
    """

    name: str
    old: str
    new: str
    tests: tuple[str, ...]
    before: tuple[str, str] | None = None


MUTATIONS = (
    # Networks and interventions
    Mutation(
        "margin: the correct and the wrong form change places",
        "self.weight = 2 * (weight[correct] - weight[wrong])",
        "self.weight = 2 * (weight[wrong] - weight[correct])",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "margin: the decoder's bias is left out",
        "self.bias = model.decoder_bias[correct] - model.decoder_bias[wrong]",
        "self.bias = model.decoder_bias[correct] - model.decoder_bias[correct]",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "mask: left out in the state after the context",
        "self.masks[depth].apply(buffer.hidden[0])",
        "self.masks[depth]",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "mask: left out where the next layer and the decoder read",
        "if not self.masks[depth].recurrence_only:",
        "if False:",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "mode mean: the mean of the unit before",
        'value = float(values[unit - 1]) if interventions.mode == "mean" else 0.0',
        'value = float(values[unit - 2]) if interventions.mode == "mean" else 0.0',
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "mode mean: silences to zero",
        'value = float(values[unit - 1]) if interventions.mode == "mean" else 0.0',
        "value = 0.0",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "mode legacy: the decoder still reads a unit of the last layer",
        'recurrence_only=interventions.mode == "legacy" and layer < last',
        'recurrence_only=interventions.mode == "legacy"',
        (
            "test_margins_equal_those_of_edited_weights",
            "test_legacy_equals_zero_in_the_last_layer_and_not_below",
        ),
    ),
    Mutation(
        "mode legacy: the next layer loses the unit too",
        'recurrence_only=interventions.mode == "legacy" and layer < last',
        "recurrence_only=False",
        (
            "test_margins_equal_those_of_edited_weights",
            "test_legacy_equals_zero_in_the_last_layer_and_not_below",
        ),
    ),
    Mutation(
        "gates of the sweep: input and forget gate change places",
        "input_gate, forget_gate, candidate, output_gate = gates.sigmoid_().chunk(4, dim=-1)",
        "forget_gate, input_gate, candidate, output_gate = gates.sigmoid_().chunk(4, dim=-1)",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "gates of a dump: input and forget gate change places",
        "input_gate, forget_gate, candidate, output_gate = gates.chunk(4, dim=1)",
        "forget_gate, input_gate, candidate, output_gate = gates.chunk(4, dim=1)",
        (
            "test_hidden_and_cell_are_those_of_torch_lstm",
            "test_all_variables_are_those_of_the_gate_equations",
        ),
    ),
    Mutation(
        "gates of the weights: output gate before candidate",
        'GATES = ("input_gate", "forget_gate", "candidate", "output_gate")',
        'GATES = ("input_gate", "forget_gate", "output_gate", "candidate")',
        ("test_planted_weights_are_recognised",),
    ),
    Mutation(
        "context: not read",
        "for word in context:",
        "for word in context[:0]:",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "context: read by the intact network",
        "masks = [mask.halved() for mask in compile_masks(model, interventions)]",
        'masks = compile_masks(model, Interventions("zero", ((),) * n))',
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "context of the paper: true and lower case change places",
        'lower = case == "lower" or (case == "paper" and not ablated)',
        'lower = case == "lower" or (case == "paper" and ablated)',
        ("test_context_ends_every_line_and_follows_its_case",),
    ),
    Mutation(
        "trie: equal words share a node whatever stands before them",
        "seen.setdefault((int(at[item]), int(prefixes[item][level])), []).append(item)",
        "seen.setdefault((level - 1, int(prefixes[item][level])), []).append(item)",
        ("test_nodes_are_the_distinct_prefixes",),
    ),
    Mutation(
        "trie: children take the recurrent product of another parent",
        "torch.add(parents.product[tile.parents], inputs, out=gates)",
        "torch.add(parents.product.roll(1, 0)[tile.parents], inputs, out=gates)",
        ("test_margins_equal_those_of_edited_weights",),
    ),
    Mutation(
        "trie: prefixes that wait for their children share a stored state",
        "child_slots[node] = slot_of[node] = free.pop()",
        "child_slots[node] = slot_of[node] = free[-1]",
        ("test_walk_makes_every_node_once_from_its_stored_parent",),
    ),
    Mutation(
        "unit numbers: every layer but the first begins one unit late",
        "index -= size",
        "index -= size - 1",
        ("test_margins_equal_those_of_edited_weights", "test_planted_weights_are_recognised"),
    ),
    Mutation(
        "unit numbers: the columns of a dump count from 0",
        "return {layer: 1 + sum(layer_sizes[: layer - 1])",
        "return {layer: sum(layer_sizes[: layer - 1])",
        ("test_some_units_conditions_items_and_positions_are_part_of_all",),
    ),
    Mutation(
        "unit numbers: efferent weights are named by the unit before",
        "return np.arange(sum(layer_sizes) - layer_sizes[-1], sum(layer_sizes)) + 1",
        "return np.arange(sum(layer_sizes) - layer_sizes[-1], sum(layer_sizes))",
        ("test_weights_are_those_of_the_decoder",),
    ),
    Mutation(
        "means: a word that items share counts once",
        "weight[trie.parent[node]] += weight[node]",
        "weight[trie.parent[node]] = 1",
        ("test_mean_hidden_weighs_each_word_by_its_items",),
    ),
    Mutation(
        "checkpoint: one of the two biases is lost",
        'tensors[f"rnn.bias_ih_l{depth}"] + tensors[f"rnn.bias_hh_l{depth}"]',
        'tensors[f"rnn.bias_ih_l{depth}"]',
        ("test_state_dict_of_any_shape",),
    ),
    Mutation(
        "checkpoint: weights after dropout instead of the raw ones",
        'key=lambda n: (n.endswith("_raw"), n)',
        'key=lambda n: (not n.endswith("_raw"), n)',
        ("test_awd_lstm_raw_weights_win",),
    ),
    Mutation(
        "untrained network: one bias instead of the sum of two",
        "bias=uniform(bound, *layer.bias.shape) + uniform(bound, *layer.bias.shape)",
        "bias=uniform(bound, *layer.bias.shape)",
        ("test_the_bias_is_the_sum_of_two_uniform_ones",),
    ),
    Mutation(
        "untrained network: its decoder is tied where the model's is not",
        "if not model.tied:\n        decoder_weight = uniform(",
        "if False:\n        decoder_weight = uniform(",
        ("test_shape_vocabulary_tying_and_type_are_those_of_the_model",),
    ),
    Mutation(
        "training: the word itself is predicted, not the one that follows",
        "return piece[:-1].contiguous(), piece[1:].contiguous()",
        "return piece[:-1].contiguous(), piece[:-1].contiguous()",
        ("test_windows_hold_each_word_of_each_sequence_once_with_its_follower",),
    ),
    Mutation(
        "training: sampled words count as often as they were drawn",
        "bias + correction)",
        "bias + 0 * correction)",
        ("test_the_sampled_normaliser_is_unbiased_and_its_logarithm_low",),
    ),
    Mutation(
        "training: the target counts twice where it was sampled too",
        "logits[:, head:].masked_fill_(sample.rows == targets[:, None], -torch.inf)",
        "logits[:, head:]",
        ("test_the_sampled_normaliser_is_unbiased_and_its_logarithm_low",),
    ),
    # Stimuli
    Mutation(
        "stimuli: the verb is read before it is predicted",
        "tuple(tuple(t[:v]) for t, v in zip(tokens, verbs, strict=True))",
        "tuple(tuple(t[: v + 1]) for t, v in zip(tokens, verbs, strict=True))",
        ("test_scored_items_are_the_words_before_the_verb",),
    ),
    Mutation(
        "stimuli: attractors get the number of the subject",
        '"attractor_numbers": [letters[letter] for letter in condition[1:]]',
        '"attractor_numbers": [letters[condition[0]] for letter in condition[1:]]',
        ("test_agreement_and_positions_are_right",),
    ),
    Mutation(
        "stimuli: an attractor stands at the position of the subject",
        '"attractor_positions": [template.position(slot) for slot in attractors]',
        '"attractor_positions": [template.position(subject) for slot in attractors]',
        ("test_agreement_and_positions_are_right",),
    ),
    Mutation(
        "stimuli: words are drawn without balance",
        "return [column[i] for i in generator.permutation(size).tolist()]",
        "return [column[i] for i in generator.integers(size, size=size).tolist()]",
        ("test_each_word_occurs_equally_often_in_each_condition",),
    ),
    Mutation(
        "balance: a word used too often is let through",
        "return frame[(large & unlikely) | absent].reset_index(drop=True)",
        "return frame[absent].reset_index(drop=True)",
        ("test_a_word_used_too_often_in_one_condition_is_flagged",),
    ),
    Mutation(
        "balance: a word that a condition lacks is let through",
        "return frame[(large & unlikely) | absent].reset_index(drop=True)",
        "return frame[large & unlikely].reset_index(drop=True)",
        ("test_a_word_missing_from_one_condition_is_flagged_even_in_small_samples",),
    ),
    Mutation(
        "incongruent items: all attractors must differ, not any",
        "any(isinstance(other, str) and other != number for other in _known(others))",
        "all(isinstance(other, str) and other != number for other in _known(others))",
        ("test_any_attractor_of_another_number_makes_an_item_incongruent",),
        before=(
            "return (self.attractor_numbers != self.subject_number[:, None]).any(axis=1)",
            "return (self.attractor_numbers != self.subject_number[:, None]).all(axis=1)",
        ),
    ),
    Mutation(
        "decoding: the position of the attractor is that of the subject",
        "return self.subject_position if which is None else self.attractor_positions[which]",
        "return self.subject_position",
        ("test_labels_lemmas_and_positions_follow_the_name",),
    ),
    # Counts and statistics
    Mutation(
        "a tie of an ablated network counts as right",
        "full[position], margin > 0",
        "full[position], margin >= 0",
        ("test_a_tie_of_an_ablated_network_is_wrong",),
    ),
    Mutation(
        "a tie of the intact network counts as right",
        "return self.margin > 0",
        "return self.margin >= 0",
        ("test_a_tie_is_wrong_and_a_near_tie_is_counted",),
    ),
    Mutation(
        "relative drop: turned around",
        "(counts.full - counts.right) / counts.full, np.nan)",
        "(counts.right - counts.full) / counts.full, np.nan)",
        ("test_accuracy_table_equals_brute_force",),
    ),
    Mutation(
        "relative drop: of all items instead of those that the intact network gets right",
        "np.where(full > 0, (full - right) / full, np.nan)",
        "np.where(full > 0, (full - right) / n, np.nan)",
        ("test_effect_sizes_by_hand",),
    ),
    Mutation(
        "shards: one that was cut off is accepted",
        "if not seen.all():",
        "if False:",
        ("test_a_wrong_shard_is_named_with_what_to_do",),
    ),
    Mutation(
        "shards: items that the intact network was not asked are accepted",
        "if not np.array_equal(item[first:last], intact.item[span]):",
        "if len(item[first:last]) != len(intact.item[span]):",
        ("test_a_wrong_shard_is_named_with_what_to_do",),
    ),
    Mutation(
        "shards: margins start from the state of the unit before",
        "subset([row_of[unit] for unit in units])",
        "subset([max(0, row_of[unit] - 1) for unit in units])",
        ("test_a_set_of_one_unit_gives_that_units_margins",),
        before=(
            "rows = [unit - states_first for unit in units]",
            "rows = [max(0, unit - states_first - 1) for unit in units]",
        ),
    ),
    Mutation(
        "McNemar: one-sided",
        "return np.minimum(1.0, 2.0 * tail)",
        "return np.minimum(1.0, tail)",
        ("test_mcnemar_equals_statsmodels_on_every_small_table",),
    ),
    Mutation(
        "q values: each column of a table is a family of its own",
        "false_discovery_control(p, axis=None,",
        "false_discovery_control(p, axis=0,",
        ("test_q_values_equal_statsmodels_over_the_whole_family",),
    ),
    Mutation(
        "q values: each condition of the accuracies is a family of its own",
        '"p": p,\n        "q": q_values(p, correction)',
        '"p": p,\n        "q": np.apply_along_axis(q_values, 0, p, correction)',
        ("test_accuracy_table_equals_brute_force",),
        before=(
            '"q": q_values(p, correction).ravel()',
            '"q": np.apply_along_axis(q_values, 0, p, correction).ravel()',
        ),
    ),
    Mutation(
        "q values: each condition of the discovery is a family of its own",
        "q[:, testable] = q_values(p[:, testable], criteria.correction)",
        "q[:, testable] = np.apply_along_axis(q_values, 0, p[:, testable], criteria.correction)",
        ("test_q_runs_over_all_units_and_conditions",),
    ),
    Mutation(
        "Wilson interval: of another level",
        "proportion_confint(right, n, alpha=1 - confidence",
        "proportion_confint(right, n, alpha=2 * (1 - confidence)",
        ("test_wilson_interval_equals_the_formula",),
    ),
    Mutation(
        "percentile interval: of another level",
        "low, high = np.quantile(draws, [tail, 1 - tail])",
        "low, high = np.quantile(draws, [2 * tail, 1 - 2 * tail])",
        ("test_the_paired_interval_agrees_with_the_normal_approximation",),
    ),
    Mutation(
        "bootstrap: items are drawn although lemmas are known",
        "known = min(len(subjects), len(verbs)) > 1",
        "known = False",
        ("test_crossed_bootstrap_equals_brute_force",),
    ),
    Mutation(
        "halves: items of one frame may be parted",
        "if not pd.isna(frame):",
        "if False:",
        ("test_items_of_one_frame_share_a_group_even_where_their_words_are_unknown",),
    ),
    # Long-range units
    Mutation(
        "halves: discovery takes the half of the confirmation",
        "near_tie=criteria.near_tie, use=half",
        "near_tie=criteria.near_tie, use=~half",
        (
            "test_an_effect_in_the_discovery_half_alone_is_not_confirmed",
            "test_evidence_of_the_confirmation_half_is_that_of_its_items",
        ),
    ),
    Mutation(
        "halves: units are confirmed on the half that found them",
        "[unit], intact, ~half, lemmas,",
        "[unit], intact, half, lemmas,",
        (
            "test_an_effect_in_the_discovery_half_alone_is_not_confirmed",
            "test_evidence_of_the_confirmation_half_is_that_of_its_items",
        ),
    ),
    Mutation(
        "discovery: any loss will do",
        '(evidence["loss"] >= criteria.minimum_loss)',
        '(evidence["loss"] > 0)',
        ("test_without_units_the_summary_says_how_far_the_best_one_came",),
    ),
    Mutation(
        "confirmation: any loss will do",
        "holds[code] = drop_low > 0 and loss >= criteria.minimum_loss",
        "holds[code] = drop_low > 0",
        ("test_a_unit_is_confirmed_by_its_loss_not_by_any_drop",),
    ),
    Mutation(
        "confirmation: a tie counts as right",
        "full, right = intact.right[here], margin[here] > 0",
        "full, right = intact.right[here], margin[here] >= 0",
        ("test_a_unit_is_confirmed_by_its_loss_not_by_any_drop",),
    ),
    Mutation(
        "discovery: a unit of both numbers gets the first",
        "if len({cell.subject_number for cell in known}) > 1:",
        "if False:",
        ("test_a_unit_of_both_numbers_has_none",),
    ),
    Mutation(
        "discovery: one task of two is enough",
        "if all(passes[c].any() for c in per_task)]",
        "if any(passes[c].any() for c in per_task)]",
        ("test_planted_units_are_found_with_layer_and_number_and_confirmed",),
    ),
    Mutation(
        "discovery: congruent conditions instead of incongruent ones",
        "isinstance(other, str) and other != number",
        "isinstance(other, str) and other == number",
        ("test_conditions_near_chance_are_not_testable_and_find_nothing",),
    ),
    Mutation(
        "discovery: a condition is testable by the accuracy itself, not its lower bound",
        "low, _ = wilson_interval(right, n, criteria.confidence)\n    cells",
        "low = right / n\n    cells",
        ("test_the_lower_bound_of_the_intact_accuracy_decides_what_is_testable",),
    ),
    Mutation(
        "Table 2: a drop is measured on all items",
        "ablated[1] < (1 - relative_drop) * right - 1e-9 * n",
        "ablated[1] < (1 - relative_drop) * n - 1e-9 * n",
        ("test_a_drop_is_one_from_what_the_intact_model_gets_right",),
    ),
    # Random sets
    Mutation(
        "random sets: drawn from all layers",
        "free[layers[free - 1] == layer]",
        "free",
        ("test_matched_by_layer_every_set_has_the_tested_sets_layers",),
    ),
    Mutation(
        "random sets: hold units that are excluded",
        "np.asarray(excluded, dtype=np.int64)",
        "np.asarray([], dtype=np.int64)",
        ("test_every_unit_that_is_not_excluded_is_drawn_equally_often",),
    ),
    Mutation(
        "random sets: syntax units that are long-range units stay in the set",
        "units = found - excluded",
        "units = found",
        ("test_families_test_the_units_of_their_lists",),
    ),
    Mutation(
        "random sets: p may be 0",
        "return (n_counted + 1) / (n_sets + 1)",
        "return n_counted / n_sets",
        ("test_all_at_ceiling_is_no_evidence_here_and_is_in_the_paper",),
    ),
    Mutation(
        "random sets: ties speak for the tested set",
        "n_at_most, n_below = int((others <= right).sum()), int((others < right).sum())",
        "n_below, n_at_most = int((others <= right).sum()), int((others < right).sum())",
        ("test_ceiling_and_ties_in_the_table",),
    ),
    Mutation(
        "Holm: adjusted p values do not rise with p",
        'result[adjusted] = multipletests(p[adjusted], method="holm")[1]',
        "m = p[adjusted]\n"
        "        result[adjusted] = np.minimum(1, m * (len(m) - m.argsort().argsort()))",
        ("test_holm_runs_over_the_chosen_rows_only",),
    ),
    Mutation(
        "Holm: over all rows of the table",
        'result[adjusted] = multipletests(p[adjusted], method="holm")[1]',
        'result[adjusted] = multipletests(p, method="holm")[1][adjusted]',
        ("test_holm_runs_over_the_chosen_rows_only",),
    ),
    # Efferents, decoding, short-range units, contributions
    Mutation(
        "efferents: equal weights count as larger plural ones",
        "rankdata(np.concatenate([singular, plural], axis=1), axis=1)",
        'rankdata(np.concatenate([singular, plural], axis=1), axis=1, method="min")',
        ("test_tied_weights_count_half",),
    ),
    Mutation(
        "efferents: words are ranked by weights that are not centred",
        "weight = weight - weight.mean()",
        "weight = weight - 0",
        ("test_top_words_against_brute_force_and_unmoved_by_signs_and_constants",),
    ),
    Mutation(
        "decoding: lemmas are not held out",
        "return _grouped(label, list(lemmas.values()), splits, test_fraction, seed)",
        "return _random(label, splits, test_fraction, seed)",
        ("test_no_tied_lemma_is_in_both_sets",),
    ),
    Mutation(
        "decoding: lemmas of an attractor that gives the label away are not held out",
        "if items.position(name) == position or equal.all() or not equal.any():",
        "if items.position(name) == position:",
        ("test_a_noun_is_tied_when_its_number_follows_from_the_label",),
    ),
    Mutation(
        "decoding: items that share one noun of two with training are tested",
        "np.flatnonzero(items.all(axis=0))",
        "np.flatnonzero(items.any(axis=0))",
        ("test_no_tied_lemma_is_in_both_sets",),
    ),
    Mutation(
        "decoding: labels are permuted over items",
        "labels = label ^ swapped[place]",
        "labels = label ^ (rng.random(len(label)) < 0.5)",
        ("test_permuted_labels_keep_or_swap_both_forms_of_each_noun",),
    ),
    Mutation(
        "decoding: repeated items do not count in standardisation",
        "standardiser__sample_weight=count,",
        "standardiser__sample_weight=None,",
        ("test_items_counted_once_have_the_optimum_of_the_repeated_items",),
    ),
    Mutation(
        "decoding: equal items are told apart by rounding",
        "> _TIE * max(1.0, np.abs(value).max())",
        "> 0",
        ("test_the_auc_is_scikit_learns_but_for_rounding",),
    ),
    Mutation(
        "single units: ties of the AUC count for nothing",
        "((below[start] + below[end]) / 2)",
        "below[start]",
        ("test_auc_is_that_of_scikit_learn_with_ties",),
    ),
    Mutation(
        "single units: the sign is chosen at the first word",
        "from_noun = auc[:, [*range(noun, n_positions), *range(noun)]]",
        "from_noun = auc",
        (
            "test_auc_is_that_of_scikit_learn_with_ties",
            "test_a_unit_that_swaps_goes_from_one_to_zero_and_one_that_holds_stays",
        ),
    ),
    Mutation(
        "short-range units: number is kept at the attractor, not swapped",
        'table["attractor_auc"].to_numpy() <= criteria.maximum_attractor_auc',
        'table["attractor_auc"].to_numpy() >= 1 - criteria.maximum_attractor_auc',
        ("test_units_that_meet_all_three_criteria_are_found_and_no_others",),
    ),
    Mutation(
        "short-range units: the efferent AUC is not folded",
        'last["efferent_auc"] = np.maximum(auc, 1 - auc)',
        'last["efferent_auc"] = auc',
        ("test_units_that_meet_all_three_criteria_are_found_and_no_others",),
    ),
    Mutation(
        "short-range units: a unit against its number is said to support it",
        '(raises_singular > 0) == (int(rows["sign"].iloc[0]) > 0)',
        '(raises_singular > 0) != (int(rows["sign"].iloc[0]) > 0)',
        ("test_whether_a_unit_supports_its_number_depends_on_both_signs_only_together",),
    ),
    Mutation(
        "contributions: without the decoder's bias",
        "values[rows, n_parts] = bias.cpu().numpy()",
        "values[rows, n_parts] = 0",
        ("test_the_parts_add_up_to_the_margin_of_torch_lstm",),
    ),
    Mutation(
        "contributions: towards the wrong form",
        "weight = model.decoder_weight[correct].double() - model.decoder_weight[wrong].double()",
        "weight = model.decoder_weight[wrong].double() - model.decoder_weight[correct].double()",
        ("test_the_parts_add_up_to_the_margin_of_torch_lstm",),
    ),
    Mutation(
        "contributions: the constant is what serves the subject's number",
        "(contribution[sign > 0].mean() - contribution[sign < 0].mean()) / 2",
        "(contribution[sign > 0].mean() + contribution[sign < 0].mean()) / 2",
        ("test_a_part_that_is_its_constant_alone_never_points_right_without_it",),
    ),
    # Depth and syntax units
    Mutation(
        "depth: open nodes are counted after closing",
        "count -= 1",
        "count -= 1\n                counts[-1] = count",
        ("test_open_nodes_by_hand",),
    ),
    Mutation(
        "depth: a bracket around a single word opens a node of its own",
        "if not (size == 1 and of_word):",
        "if True:",
        ("test_open_nodes_by_hand",),
    ),
    Mutation(
        "depth: the first of each cell is never full",
        "room[position, depth] -= 1",
        "room[position, depth] -= 0",
        ("test_cells_are_equal_and_the_correlation_is_exactly_zero",),
    ),
    Mutation(
        "depth: weights of a grammar count across left sides",
        "p.weight / weights[symbol] * self._of_parts(p.right, length)",
        "p.weight * self._of_parts(p.right, length)",
        ("test_probability_of_a_length_is_the_sum_over_all_derivations",),
    ),
    Mutation(
        "depth: folds cut sentences",
        "return fold[place]",
        "return np.arange(len(sentence)) % folds",
        ("test_no_sentence_is_in_two_folds_and_folds_are_alike_in_size",),
    ),
    Mutation(
        "depth: standardised on held-out sentences too",
        "scaler = _scaler(procedure, largest).fit(train)",
        "scaler = _scaler(procedure, largest).fit(features)",
        ("test_results_are_those_of_grid_search_over_scaler_and_ridge",),
    ),
    Mutation(
        "depth: standardised on held-out inner folds too",
        "scaler = _scaler(procedure, largest).fit(features[train])",
        "scaler = _scaler(procedure, largest).fit(features)",
        ("test_penalties_are_scored_on_standardised_inner_folds_that_were_held_out",),
    ),
    Mutation(
        "fits: a column that varies by rounding only counts as any other",
        "return spread <= _ROUNDING * largest",
        "return spread < 0 * largest",
        ("test_what_differs_by_rounding_only_decodes_nothing_and_is_named",),
    ),
    Mutation(
        "depth: a unit that is silent but for held-out words is extrapolated",
        "largest=largest, extrapolate=False)",
        "largest=largest, extrapolate=True)",
        ("test_a_unit_that_is_silent_but_for_one_sentence_does_no_harm",),
    ),
    Mutation(
        "depth: the part of frequency is not taken out",
        "removed[split.test] = predicted[split.test] - part",
        "removed[split.test] = predicted[split.test]",
        ("test_a_removed_covariate_counts_as_average",),
    ),
    Mutation(
        "depth: the covariate is missing among the regressors",
        "matrix = np.column_stack([values.astype(float), covariate])",
        "matrix = np.column_stack([values.astype(float), np.zeros(len(covariate))])",
        ("test_regressors_hold_what_their_names_say",),
    ),
    Mutation(
        "depth: permuted over positions",
        "rows = [np.flatnonzero(position == value) for value in np.unique(position)]",
        "rows = [np.arange(len(position))]",
        ("test_permuted_depth_keeps_the_depths_of_every_position",),
    ),
    Mutation(
        "depth: R2 resamples words, not sentences",
        "names, place = np.unique(sentence, return_inverse=True)",
        "names, place = np.unique(np.arange(len(sentence)), return_inverse=True)",
        ("test_the_closed_form_bootstrap_is_that_of_rows_copied_out",),
    ),
    Mutation(
        "syntax units: deviations are from the mean where they should be from zero",
        'centred = values - values.mean() if deviations_from == "mean" else values',
        "centred = values - values.mean()",
        ("test_deviations_are_those_of_the_formulas",),
    ),
    Mutation(
        "syntax units: one fold is enough",
        "return self.beyond & (self.folds_beyond >= minimum_folds)",
        "return self.beyond",
        ("test_a_unit_that_stands_out_in_one_fold_is_beyond_but_not_stable",),
    ),
    Mutation(
        "syntax units: ties with permuted depth speak for them",
        "int((permuted >= n_stable).sum()) + 1",
        "int((permuted > n_stable).sum()) + 1",
        ("test_counts_are_compared_with_those_of_permuted_depth",),
    ),
    Mutation(
        "dependency span: the verb counts as inside",
        'return subject, end if verb == "inside" else end - 1',
        "return subject, end",
        ("test_auc_equals_the_u_statistic_over_all_items",),
    ),
    Mutation(
        "dependency span: the best structure counts, not the worst",
        "larger = sides.min().min(axis=1).round(12)",
        "larger = sides.max().max(axis=1).round(12)",
        ("test_score_is_the_worst_structure_and_side_with_one_sign",),
    ),
    # Connectivity and dynamics
    Mutation(
        "connectivity: z from zero, not from the mean",
        "return (values - values.mean()) / values.std()",
        "return values / values.std()",
        ("test_z_ranks_and_outliers_are_among_the_sources_of_one_layer",),
    ),
    Mutation(
        "connectivity: the sign of a source's activity is lost",
        "effective = weight * activity[reading]",
        "effective = weight * np.abs(activity[reading])",
        ("test_inputs_are_products_of_the_models_weights_and_activities",),
    ),
    Mutation(
        "connectivity: the largest activity is the largest positive one",
        "np.abs(reached).argmax(axis=0)",
        "reached.argmax(axis=0)",
        ("test_activity_over_nodes_equals_that_over_items",),
    ),
    Mutation(
        "connectivity: only positive inputs are outliers",
        'columns[f"outlier_{reading}"] = np.abs(z) > threshold',
        'columns[f"outlier_{reading}"] = z > threshold',
        ("test_the_threshold_decides_what_is_an_outlier",),
    ),
    Mutation(
        "connectivity: inhibition by the weight alone",
        'table["input_preferred"] < 0',
        'table["weight"] < 0',
        ("test_inhibition_is_a_positive_weight_times_negative_activity",),
    ),
    Mutation(
        "connectivity: the forget gate is to be closed and the input gate opened",
        "np.where(forget, z > threshold, z < -threshold)",
        "np.where(forget, z < -threshold, z > threshold)",
        ("test_the_planted_connections_are_found_and_no_other",),
    ),
    Mutation(
        "dynamics: items that share a prefix count once",
        "shift = np.add.reduceat(cells.weight * apart, cells.start, axis=0) / n",
        "shift = np.add.reduceat(apart, cells.start, axis=0) / length[:, None]",
        ("test_moments_over_nodes_equal_those_over_items",),
    ),
    # Claims and files
    Mutation(
        "claims: untested parts count as met",
        "return HOLDS if parts and all(parts) else NOT_TESTABLE",
        "return HOLDS if any(parts) else NOT_TESTABLE",
        ("test_a_baseline_that_was_not_run_leaves_the_claim_open_unless_it_fails_anyway",),
    ),
    Mutation(
        "claims: R2 of depth below the threshold holds",
        'bool(row["r2"] > criteria.depth_r2)',
        'bool(row["r2"] < criteria.depth_r2)',
        ("test_a_low_r2_fails_and_the_criterion_names_the_threshold",),
    ),
    Mutation(
        "claims: an interval that holds 0 is below 0",
        "met = found.high < 0",
        "met = found.low < 0",
        ("test_an_interval_that_reaches_zero_shows_no_difference",),
    ),
    Mutation(
        "claims: p above the threshold is evidence",
        "met=p < criteria.syntax_p",
        "met=p > criteria.syntax_p",
        ("test_an_ablation_like_that_of_random_sets_fails",),
    ),
    Mutation(
        "claims: too few random sets can reach p",
        "if least >= criteria.sets_p:",
        "if False:",
        ("test_too_few_random_sets_cannot_reach_the_p_value",),
    ),
    Mutation(
        "claims: gates after the subject are those at the next word too",
        "between = range(items.subject_position + 2, items.verb_position)",
        "between = range(items.subject_position + 1, items.verb_position)",
        ("test_a_cell_that_loses_the_subject_at_the_attractor_fails_there",),
    ),
    Mutation(
        "claims: gates of all items, whatever number the unit serves",
        "columns *= served[:, None]",
        "columns *= 1",
        ("test_planted_gates_hold_and_their_values_are_the_planted_ones",),
    ),
    Mutation(
        "claims: the rest is to hold number at the attractor",
        "lambda auc: auc < most",
        "lambda auc: auc > most",
        ("test_other_units_that_keep_the_number_fail",),
    ),
    Mutation(
        "claims: long-range units are to be right in few wrong items",
        "(lambda value: value >= criteria.right_share)",
        "(lambda value: value < criteria.right_share)",
        ("test_one_task_with_less_fails",),
    ),
    Mutation(
        "claims: any number of units is local",
        "if len(numbers) > criteria.maximum_units:",
        "if False:",
        ("test_more_units_than_the_maximum_are_not_local",),
    ),
    Mutation(
        "claims: a unit may serve both numbers",
        "met = len(suffering) == 1 if suffering else None",
        "met = True if suffering else None",
        ("test_a_unit_serves_one_number_or_both",),
    ),
    Mutation(
        "claims: a unit of any layer is in the last",
        'met = entry["layer"] == len(sizes)',
        'met = entry["layer"] <= len(sizes)',
        ("test_long_range_units_are_in_the_last_layer_or_before",),
    ),
    Mutation(
        "claims: depth is read as well as from a baseline",
        "round(low, 6) > 0",
        "round(low, 6) >= 0",
        ("test_a_baseline_that_differs_by_rounding_only_fails",),
    ),
    Mutation(
        "claims: frequency may explain depth",
        "abs(absent.value or 0.0) < criteria.frequency_r2",
        "abs(absent.value or 0.0) > criteria.frequency_r2",
        ("test_frequency_that_explains_depth_fails",),
    ),
    Mutation(
        "claims: every step of a training run is a network of its own",
        'if run is None or model["training_step"] == last[run]:',
        "if True:",
        ("test_untrained_equal_and_earlier_networks_do_not_count",),
    ),
    Mutation(
        "claims: networks of one size replicate",
        "and len({_size(model) for model in some}) >= sizes",
        "",
        ("test_networks_that_hold_have_to_be_of_several_sizes",),
    ),
    Mutation(
        "files: of another checkpoint are taken",
        "elif value != expected:",
        'elif key != "checkpoint_sha256" and value != expected:',
        ("test_results_of_two_checkpoints_or_two_versions_of_the_stimuli_are_refused",),
        before=('checkpoint == first.get("checkpoint_sha256")', "True"),
    ),
    Mutation(
        "files: of an earlier version of the stimuli are taken",
        "elif value != expected:",
        'elif key == "checkpoint_sha256" and value != expected:',
        ("test_results_of_two_checkpoints_or_two_versions_of_the_stimuli_are_refused",),
        before=('"version of the stimuli", stimuli == expected', '"version of the stimuli", True'),
    ),
)


def find_place(mutation: Mutation, source: Path) -> tuple[Path, str, str]:
    """Return the file of a library that a mutation changes, the old text and the new one.

    Raises
    ------
    SystemExit
        If the text does not occur exactly once.
    """
    texts = {path: path.read_text("utf-8") for path in sorted(source.rglob("*.py"))}
    for old, new in filter(None, ((mutation.old, mutation.new), mutation.before)):
        counts = {path: text.count(old) for path, text in texts.items() if old in text}
        if sum(counts.values()) == 1:
            return next(iter(counts)), old, new
        if counts:
            break
    places = ", ".join(f"{path.relative_to(source)} ({n})" for path, n in counts.items())
    sys.exit(f"{mutation.name}: {old!r} has to occur once; found: {places or 'nowhere'}")


def find_tests(names: Iterable[str], project: Path) -> list[str]:
    """Return the node ids of test functions.

    Raises
    ------
    SystemExit
        If there is no such test, or more than one.
    """
    places: dict[str, list[str]] = {}
    for path in sorted((project / "tests").rglob("test_*.py")):
        for name in re.findall(r"^def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE):
            places.setdefault(name, []).append(f"{path}::{name}")
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if len(places.get(name, [])) != 1:
            sys.exit(f"{project / 'tests'} has {len(places.get(name, []))} tests {name}, not one")
    return [places[name][0] for name in wanted]


def run_tests(
    source: Path, tests: Sequence[str], project: Path, folder: Path
) -> tuple[int, dict[str, int], str]:
    """Run tests of a project on a library.

    Parameters
    ----------
    source : Path
        Folder that holds the package.
    tests : sequence of str
        Node ids.
    project, folder : Path
        Where the tests and their settings are, and where to work.

    Returns
    -------
    code : int
        Of pytest.
    counts : dict of str to int
        ``tests, failures`` (in the test itself), ``errors`` (elsewhere), ``skipped``.
    output : str
        What pytest printed.
    """
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line"]
    command += ["-c", project / "pyproject.toml", "--rootdir", project, f"--junitxml={report}"]
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # what was compiled shows what was imported
    environment.pop("PYTHONPYCACHEPREFIX", None)
    done = subprocess.run(
        [*command, "--hypothesis-seed=0", *tests],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    if not report.exists():
        sys.exit(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    suite = next(ElementTree.parse(report).iter("testsuite"))
    counts = {name: int(suite.get(name)) for name in ("tests", "failures", "errors", "skipped")}
    if counts["skipped"] == counts["tests"]:
        sys.exit(f"all tests were skipped:\n{done.stdout}")
    return done.returncode, counts, done.stdout


def try_mutation(mutation: Mutation, project: Path) -> str:
    """Make a mistake in a copy of the library, run its tests, and say what came of it."""
    source = project / "src"
    place, old, new = find_place(mutation, source)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(
            source, folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        path = folder / "src" / place.relative_to(source)
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
        compile(path.read_text("utf-8"), path, "exec")
        tests = find_tests(mutation.tests, project)
        code, counts, _ = run_tests(folder / "src", tests, project, folder)
        if not Path(importlib.util.cache_from_source(str(path))).exists():
            sys.exit(f"{mutation.name}: the tests did not import {path}")
    if code == 1 and counts["failures"]:
        return f"caught by {counts['failures']} of {counts['tests']} tests"
    return "SURVIVED" if code == 0 else f"SURVIVED: no test failed, {counts['errors']} errors"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the mutations, print a table, and exit with 1 if one survives.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the command line by default.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--project", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("numbers", type=int, nargs="*", metavar="NUMBER", help="default: all")
    options = parser.parse_args(arguments)
    project = options.project.resolve()
    chosen = {number: MUTATIONS[number - 1] for number in options.numbers} or dict(
        enumerate(MUTATIONS, start=1)
    )
    for mutation in chosen.values():
        find_place(mutation, project / "src")
    tests = find_tests((name for one in chosen.values() for name in one.tests), project)
    with tempfile.TemporaryDirectory() as name:
        code, _, output = run_tests(project / "src", tests, project, Path(name))
    if code:
        sys.exit(f"tests fail without any mutation:\n{output}")
    print(f"{len(tests)} test functions pass without any mutation")
    survived = 0
    for number, mutation in chosen.items():
        outcome = try_mutation(mutation, project)
        survived += outcome.startswith("SURVIVED")
        print(f"{number:3}  {mutation.name:85}  {outcome}", flush=True)
    print(f"{len(chosen) - survived} of {len(chosen)} mutations caught")
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main()
