"""How stages read the lists of known objects."""

from pathlib import Path

import pandas as pd

from pipeline.data.user_tables import read_user_table
from pipeline.labels import known
from pipeline.settings.labels import Labels


def read_entries(paths: list[Path], labels: Labels) -> pd.DataFrame:
    """Return the entries of all lists, see `known.entries`."""
    found = [known.entries(read_user_table(path), known.list_called(path.name, labels), path) for path in paths]
    if not found:
        return pd.DataFrame({"list": [], "name": [], "ra": [], "dec": [], "grade": []})
    return pd.concat(found, ignore_index=True)
