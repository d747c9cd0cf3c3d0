"""Errors that a user can act on."""


class UserError(Exception):
    """Input that the user can mend.

    The message names the file, line or key at fault, what was found, what was expected, and what
    to do. Workflow scripts print it without a traceback and exit with a code other than 0.
    """


class CheckpointError(UserError):
    """A checkpoint or vocabulary that cannot be used."""


class StimuliError(UserError):
    """Stimuli, lexicon tables or imported test sets that cannot be used."""


class ConfigurationError(UserError):
    """A config key or value that is unknown or wrong."""


class InterventionError(UserError):
    """An intervention that does not fit the model, such as a unit number out of range."""


class NotRun(StimuliError, ConfigurationError):
    """What a model, its items and the settings together do not allow.

    The message is the reason, to be read behind "not run, because". A job of the workflow writes it
    in the place of its results (`lstm_units.io.not_run`), so that it blocks no other.
    """


class WordCountsError(UserError):
    """A table of word counts that cannot be used."""
