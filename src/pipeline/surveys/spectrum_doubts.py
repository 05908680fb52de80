"""What happens to a file or row that is no spectrum: named, counted and carried, or refused."""

from collections import Counter

import numpy as np

from pipeline.data.redshift_bits import combine
from pipeline.data.spectrum_ids import file_spectrum
from pipeline.errors import PipelineError
from pipeline.spectra.raw import RawSpectrum


class SpectrumDoubts:
    """Counts what is wrong with spectra; under the policy `error` the first one is refused.

    Parameters
    ----------
    policy : {"flag", "error"}
        Setting `spectra.ingest.on_bad_object`.

    Attributes
    ----------
    counts : Counter
        Spectra by what is wrong.
    notes : list of (str, str)
        What is wrong and where, one entry a file or spectrum; for the log.
    """

    def __init__(self, policy: str):
        self.policy = policy
        self.counts: Counter[str] = Counter()
        self.notes: list[tuple[str, str]] = []

    def note(self, what: str, *, where: object, spectra: int = 1) -> None:
        """Count spectra and note why.

        Raises
        ------
        PipelineError
            The policy is `error`.
        """
        if self.policy == "error":
            raise PipelineError(
                f"bad input: {what}",
                where=where,
                next="mend or remove the file, or set `spectra.ingest.on_bad_object: flag` to carry it with a flag",
            )
        self.counts[what.split(":")[0]] += spectra
        self.notes.append((what, str(where)))

    def unreadable(self, error: PipelineError, name: str, known: dict) -> RawSpectrum:
        """Return the spectrum without pixels that stands for a file that cannot be read; errors as `note`.

        Parameters
        ----------
        error : PipelineError
        name : str
            Path below the root of the survey.
        known : dict
            What the name of the file, or an index, tells: fields of `RawSpectrum`, and `columns`.
        """
        reason = error.what if error.value is None else f"{error.what}: {error.value}"
        self.note(reason, where=error.where or name)
        nothing = np.zeros(0, dtype=np.float32)
        fields = {
            "spectrum_id": file_spectrum(name),
            "object_id": file_spectrum(name),
            "ra": np.nan,
            "dec": np.nan,
            "survey": "",
            **known,
        }
        columns = {**known.get("columns", {}), "flags": combine(["NODATA", "UNREADABLE"])}
        pixels = {"wavelength": nothing.astype(np.float64), "flux": nothing, "ivar": nothing, "mask": nothing > 0}
        return RawSpectrum(**{**fields, **pixels, "source": name, "columns": columns})
