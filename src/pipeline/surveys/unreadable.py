"""The error of every reader here, apart from those of FITS: not every survey's files are FITS."""

from pipeline.errors import PipelineError


class UnreadableFile(PipelineError):
    """A file that is missing, truncated, corrupt or without what it should hold."""
