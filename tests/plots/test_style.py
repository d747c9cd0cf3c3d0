"""Figures as files: equal ones give equal bytes, with how they were made."""

import pytest

from lstm_units.errors import UserError
from lstm_units.plots.style import new_figure, save_figure


@pytest.mark.parametrize("suffix", ["png", "pdf"])
def test_equal_figures_give_equal_bytes_with_their_metadata(suffix, tmp_path, monkeypatch):
    for place, name in enumerate(("one", "two")):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_000_000_000 + place))
        figure = new_figure(2, 1)
        figure.subplots().plot([0, 1], [1, 0], label="a line")
        save_figure(figure, tmp_path / f"{name}.{suffix}", {"seed": 2019})
    one = (tmp_path / f"one.{suffix}").read_bytes()
    assert one == (tmp_path / f"two.{suffix}").read_bytes()
    assert b"2019" in one
    assert b"CreationDate" not in one


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"must end in .pdf or .png"):
        save_figure(new_figure(1, 1), tmp_path / "a.svg", {})
    assert list(tmp_path.iterdir()) == []
