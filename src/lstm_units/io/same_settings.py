"""Whether a result file was made with the settings that the claims audit was asked for."""

from collections.abc import Mapping
from typing import Any

from lstm_units.errors import UserError
from lstm_units.io.result_files import ResultFiles


def require_same_settings(
    files: ResultFiles, name: str, expected: Mapping[str, tuple[Any, str]]
) -> None:
    """Refuse a result file that was made with other settings than the criteria name.

    Parameters
    ----------
    files : ResultFiles
    name : str
        Path of the file, which is among the results; it says in ``config`` of its metadata how it
        was made.
    expected : mapping of str to (value, str)
        By key of that ``config``: what the criterion says, and the key of the configuration. A key
        that the file does not have is passed over.

    Raises
    ------
    UserError
        If a value differs.
    """
    made = (files.metadata(name) or {}).get("config", {})
    for key, (value, setting) in expected.items():
        if made.get(key, value) != value:
            raise UserError(
                f"{files.path(name)} was made with {setting} {made[key]}, the claims audit asks "
                f"for {value}. Delete the file and run the workflow again"
            )
