"""The one error class that speaks to users, and the end that is no error."""


class PipelineError(Exception):
    """Something that the user can mend: bad settings, bad input, a full disk.

    The message names what is wrong and, where known, the place (file, row or dotted key), the value found,
    what is allowed and the next command to type. A stage that ends with it exits with status 2.
    """

    def __init__(self, what, *, where=None, value=None, allowed=None, next=None):
        self.what, self.where, self.value, self.allowed, self.next = what, where, value, allowed, next
        lines = [str(what)]
        for label, text in (("where", where), ("value", value), ("allowed", allowed), ("next", next)):
            if text is not None:
                lines.append(f"  {label}: {text}")
        super().__init__("\n".join(lines))


class Stopped(Exception):
    """A stage ended between two steps because it was asked to; what it had done is on disk, and it can go on."""
