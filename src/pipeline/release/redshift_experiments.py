"""Tables of the experiments: redshifts without lines, and other choices of the training."""

from pipeline.release import markup
from pipeline.release.redshift_figures.experiments import OPTIMISERS, pixels
from pipeline.release.redshift_figures.names import title


class Experiments:
    """What the stages masked_lines and redshift_sweeps measured; None for one that the run leaves out."""

    FIGURES = ("masked_spectrum", "masked_velocity", "optimisers", "choices")

    def __init__(self, masked: dict | None, sweeps: dict | None):
        self.masked, self.sweeps = masked, sweeps

    def html(self) -> str:
        """Return the tables."""
        return self._masked() + self._sweeps()

    def _masked(self) -> str:
        if self.masked is None:
            return ""
        rows = []
        for one in self.masked["results"]:
            lines = "removed" if one["masked"] else "kept"
            rows.append(_errors(title(one["name"]), lines, one["network"], one["skill"]))
            rows.append(_errors(f"constant {one['constant']['z']:.3f}", lines, one["constant"], 0.0))
        columns = {
            "name": "estimate",
            "lines": "lines",
            "n": "judged",
            "3000": "within 3,000 km/s",
            "6000": "within 6,000 km/s",
            "rms": "rms (km/s)",
            "median": "median |Δv| (km/s)",
            "skill": "skill",
        }
        low, high = self.masked["z"]
        names = ", ".join(line["name"] for line in self.masked["lines"])
        return markup.table(
            rows,
            columns,
            caption=f"Quasars of {low:g} < z < {high:g} with and without {names}. A constant scores high in so narrow "
            "a range; skill is one less the ratio of the mean squared error to the constant's. The paper prints 98.5 % "
            "and 99.5 % within 6000 km/s (published, other sample).",
        )

    def _sweeps(self) -> str:
        if self.sweeps is None:
            return ""
        rows = [
            {
                "varied": one["varied"].replace("_", " "),
                "value": _value(one["value"]),
                "parameters": one["parameters"],
                "convolutions": one["convolutions"],
                "train": one["train"],
                "n": one["test"]["n"],
                "6000": f"{100 * one['test']['within']['6000']:.1f} %",
                "rms": one["test"]["rms"],
                "loss": one["epochs"][-1]["loss"],
                "test_loss": one["epochs"][-1]["test_loss"],
            }
            for one in self.sweeps["results"]
        ]
        columns = {
            "varied": "varied", "value": "value", "parameters": "parameters", "convolutions": "convolutions",
            "train": "trained on", "n": "judged", "6000": "within 6,000 km/s", "rms": "rms (km/s)", "loss": "last loss",
            "test_loss": "judged loss",
        }  # fmt: skip
        caption = f"FNet with one choice changed at a time, after the last epoch. {pixels(self.sweeps)}"
        return markup.table(rows, columns, caption=caption)


def _errors(name: str, lines: str, found: dict, skill: float) -> dict:
    shares = {limit: f"{100 * found['within'][limit]:.1f} %" for limit in ("3000", "6000")}
    return {
        "name": name,
        "lines": lines,
        **{key: found[key] for key in ("n", "rms", "median")},
        **shares,
        "skill": skill,
    }


def _value(value: object) -> str:
    if isinstance(value, list):
        return "/".join(map(str, value))
    return OPTIMISERS.get(value, f"{value:g}" if isinstance(value, float) else str(value))
