"""Tables of records as pandas data frames."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame, Series

    from descent.records.tables import TableFile


def metrics_frame(table: "TableFile") -> "DataFrame":
    """Every row of a table of metrics."""
    import pandas as pd

    columns = table.columns()
    frame = pd.DataFrame(table.values(*columns), columns=columns).astype({"step": "int64"})
    frame["timestamp"] = pd.to_datetime(frame["timestamp"].astype("int64"), unit="ms", utc=True)
    return frame


def read_runs(path: Path) -> "DataFrame":
    """A row for each run of runs.csv: parameters that are numbers in all runs are numbers, others are texts."""
    import pandas as pd

    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    metrics = frame.columns.get_loc("steps") + 1
    for place, name in enumerate(frame.columns):
        if name == "steps":
            frame[name] = frame[name].astype("int64")
        elif name not in ("run", "result", "record"):
            frame[name] = _numbers(frame[name], is_metric=place >= metrics)
    return frame


def _numbers(column: "Series", *, is_metric: bool) -> "Series":
    """A column as numbers, nan where a run has none of a metric; as it is if it holds texts."""
    try:
        return column.replace("", "nan").astype("float64") if is_metric else column.astype("float64")
    except ValueError:
        return column
