"""Why a unit is shown."""

ROLES = ("long-range", "nearest", "named", "syntax", "arbitrary")
