"""What can go wrong for the person at the keyboard: one clear sentence, no traceback."""


class StageError(Exception):
    """The local stage cannot go on. Its text is a whole sentence that says what to do."""
