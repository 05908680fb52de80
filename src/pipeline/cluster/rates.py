"""How fast each part goes: rates with their sources, packaged or of finished runs here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from pipeline.cluster.measured import Measured
from pipeline.errors import PipelineError

PACKAGED = Path(__file__).with_name("rates.yaml")
ASSUMED = Path(__file__).with_name("assumed.yaml")


@dataclass(frozen=True)
class Rate:
    """A number with its unit and where it comes from."""

    name: str
    value: float
    unit: str
    source: str


def processor() -> str:
    """Return the kind of processor of this machine."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown processor"
    found = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(found, "unknown processor")


class Rates:
    """All rates; which of them an estimate used is kept.

    Parameters
    ----------
    runs : list of Measured
        Finished runs of this machine; they replace packaged rates, later ones earlier ones.
    """

    def __init__(self, runs: list[Measured]):
        packaged = yaml.safe_load(PACKAGED.read_text(encoding="utf-8"))
        about = packaged["measured"]
        self.about = f"measured: {about['date']}, {about['processor']}, {about['libraries']} ({about['by']})"
        self._known = {
            name: Rate(name, row["value"], row["unit"], f"measured: {row['how']}")
            for name, row in packaged["rates"].items()
        }
        for name, row in yaml.safe_load(ASSUMED.read_text(encoding="utf-8")).items():
            self._known[name] = Rate(name, row["value"], row["unit"], f"{row['kind']}: {row['source']}")
        for run in runs:
            for name, value in run.rates.items():
                unit = self._known[name].unit if name in self._known else _unit(name)
                self._known[name] = Rate(name, value, unit, f"measured in the run {run.run} on {run.host}")
        self._points, self._points_from = packaged["points"], "measured"
        if len({run.objects for run in runs}) > 1:
            # One size tells no base from growth; two do.
            names = ", ".join(run.run for run in runs)
            stages = {stage for run in runs for stage in run.points}
            own = {stage: [run.points[stage] for run in runs if stage in run.points] for stage in stages}
            self._points = self._points | {stage: found for stage, found in own.items() if len(found) > 1}
            self._points_from = f"measured in the runs {names}"
        self.used: dict[str, Rate] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def get(self, name: str) -> float:
        """Return a rate; its name is kept as used.

        Raises
        ------
        PipelineError
            There is no such rate.
        """
        if name not in self._known:
            raise PipelineError("no rate is known", value=name, next="skysieve plan CONFIG --measured RUN")
        self.used[name] = self._known[name]
        return self._known[name].value

    def of_network(self, kind: str, key: str) -> float:
        """Return multiply-adds a second (`kind`: forward or train, with `_gpu`) of a network.

        Where it was not measured, that of the same kind of network whose number after the dash is nearest, or any.
        """
        family, _, size = key.partition("-")
        there = [name for name in self._known if name.startswith(f"{kind}/")]

        def distance(name: str) -> tuple:
            other, _, width = name.split("/", 1)[1].partition("-")
            return other != family, abs(float(width or 0) - float(size or 0)), name

        nearest = min(there, key=distance)
        value = self.get(nearest)
        if nearest not in (f"{kind}/{key}", f"{kind}/float32"):
            rate = self._known[nearest]
            self.used[nearest] = Rate(nearest, rate.value, rate.unit, f"{rate.source}; taken for {key}, too")
        return value

    def of_dimension(self, dimension: int) -> float:
        """Return multiply-adds a second and core of the search among embeddings of about that dimension."""
        names = [name for name in self._known if name.startswith("similarity/")]
        return self.get(min(names, key=lambda name: abs(np.log(float(name.split("/")[1]) / dimension))))

    def seconds(self, stage: str, objects: float) -> float:
        """Return seconds of a job of a stage for its objects, by a line through what runs of two sizes took."""
        points = self._points.get(stage)
        if not points:
            return 0.0
        n, seconds = np.array(points, dtype=float).T
        slope = float(np.polyfit(n, seconds, 1)[0]) if len(set(n)) > 1 else seconds.mean() / n.mean()
        slope = max(0.0, float(f"{slope:.12f}"))
        base = max(0.0, float((seconds - slope * n).mean()))
        shown = ", ".join(f"{second:.3g} s at {int(number)}" for number, second in points)
        line = Rate(f"seconds/{stage}", slope, "s an object", f"{self._points_from}: {shown} objects")
        self.used[line.name] = line
        return base + slope * objects


def _unit(name: str) -> str:
    gpu = "GPU" if "_gpu/" in name else "core"
    return f"multiply-adds/s a {gpu}" if name.split("/")[0].split("_")[0] in ("forward", "train") else "s"
