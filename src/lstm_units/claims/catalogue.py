"""The claims: those of Lakretz et al. 2019, and those that rooms bring."""

from functools import cache
from importlib import import_module

from lstm_units.config.rooms import names_with
from lstm_units.io.verdict import Claim

# C24 is about several models: `lstm_units.comparison.replication`.
PAPER: dict[str, Claim] = {
    claim.id: claim
    for claim in (
        Claim("C1", "The model does the tasks", "68.9 to 100 %", "Table 2"),
        Claim(
            "C2", "Incongruent attractors cost accuracy", "87.2 < 99.2 % (nounPP SP, SS)", "Table 2"
        ),
        Claim(
            "C3",
            "Singular is harder to keep than plural over an attractor",
            "87.2 < 92.0 % (nounPP SP, PS)",
            "Table 2",
        ),
        Claim(
            "C4",
            "Long-range number is local: one to three units carry it",
            "two units, 776 and 988: loss .72 to 1.05",
            "Section 4.1, Table 2",
        ),
        Claim(
            "C5",
            "Each long-range unit serves one number of the subject",
            "988 singular, 776 plural",
            "Section 4.1, Table 2",
        ),
        Claim("C6", "The long-range units are in the last layer", "layer 2 of 2", "Section 4.1"),
        Claim("C7", "Short dependencies are distributed", "no such unit", "Section 4.1, Table 2"),
        Claim(
            "C8",
            "Long-range units gate as the theory says",
            "as in Figure 1",
            "Section 4.2, Figure 1",
        ),
        Claim(
            "C9",
            "The efferent weights of long-range units are segregated by the number of the verb",
            "as in Figure 1d",
            "Section 4.2, Figure 1d",
        ),
        Claim(
            "C10",
            "Long-range units hold number throughout, the other units swap it at the attractor",
            "long-range units 1.00, all others .01 at the attractor",
            "Section 4.2, Figure 2",
        ),
        Claim(
            "C11",
            "Short-range units exist and carry the short tasks",
            "10 units; p < .01 in all six conditions",
            "Section 4.2",
        ),
        Claim("C12", "Depth is linearly decodable", "R² .85", "Section 4.3"),
        Claim(
            "C13",
            "A small set of syntax units carries agreement",
            "17 units; p < .05 in four of five conditions",
            "Section 4.3",
        ),
        Claim("C14", "A syntax unit spans the subject-verb dependency", "unit 1150", "Section 4.3"),
        Claim(
            "C15",
            "The syntax unit controls the gates of the long-range units",
            "forget gates z = 8.1, 11.2; input gates -16.2, -7.2",
            "Section 4.4, Figure 4",
        ),
        Claim(
            "C16",
            "Long-range units of different number inhibit each other",
            "positive weights, negative activity",
            "Section 4.4, Figure 4",
        ),
        Claim(
            "C17",
            "Long-range units are right even when the network is wrong",
            "almost always",
            "Section 5",
        ),
        Claim("C18", "Word frequency does not explain depth", "negligible", "Section 4.3"),
        Claim(
            "C19",
            "On natural text only one of the long-range units matters much",
            "75.3 % without the plural unit, 93.9 % intact; the singular unit less than 10 %",
            "Table 2",
        ),
        Claim(
            "C20",
            "The efferent weights of arbitrary units and the syntax unit are not segregated",
            "units 651, 1300 and 1150",
            "Figure 1d",
        ),
        Claim(
            "C21",
            "Only one syntax unit drives the gates of the long-range units",
            "1150 alone",
            "Section 4.4",
        ),
        Claim(
            "C22",
            "How weights are scaled by activity does not matter for that",
            "stated",
            "Section 4.4",
        ),
        Claim("C23", "Distance is hard", "100, 98.7 to 99.3, 87.2 to 92.0 %", "Table 2"),
        Claim(
            "C24",
            "The findings replicate over seeds and sizes",
            "stated, without counts",
            "footnote 2",
        ),
    )
}


@cache
def every_claim() -> dict[str, Claim]:
    """Return the claims by id: the paper's in their order, then the rooms'."""
    found = [import_module(f"lstm_units.analyses.{room}.claims") for room in names_with("claims")]
    return PAPER | {claim.id: claim for module in found for claim in module.CLAIMS}
