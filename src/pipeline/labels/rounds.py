"""Grades of earlier rounds become training examples of the next one."""

import numpy as np
import pandas as pd

from pipeline.errors import PipelineError
from pipeline.settings.sample import Rounds


def graded_examples(grades: list[pd.DataFrame], rounds: Rounds | None) -> pd.DataFrame:
    """Return `object_id` and `label` (1 lens, 0 non-lens) of graded objects, sorted by id.

    Parameters
    ----------
    grades : list of DataFrame
        `object_id` and `grade` ("" or missing: rejected) of each earlier round, in order; of an object that was
        graded twice the later grade counts.
    rounds : Rounds or None
        Which grades become examples; None turns this off.
    """
    if rounds is None or not grades:
        return pd.DataFrame({"object_id": np.zeros(0, dtype=np.int64), "label": np.zeros(0, dtype=np.int8)})
    for number, table in enumerate(grades, start=1):
        twice = table.object_id[table.object_id.duplicated()]
        if len(twice):
            raise PipelineError("an object has two grades", where=f"round {number}", value=int(twice.iloc[0]))
    latest = pd.concat(grades, ignore_index=True).drop_duplicates("object_id", keep="last")
    grade = latest.grade.astype(object).where(latest.grade.notna(), "").astype(str)
    label = np.where(grade.isin(rounds.lenses), 1, np.where(grade.isin(rounds.non_lenses), 0, -1))
    found = pd.DataFrame({"object_id": latest.object_id.astype(np.int64), "label": label.astype(np.int8)})
    return found[found.label >= 0].sort_values("object_id", ignore_index=True)
