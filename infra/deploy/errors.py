"""What can go wrong for the person at the keyboard: one clear sentence, no traceback."""


class DeployError(Exception):
    """The deployment cannot go on. Its text is a whole sentence that says what to do."""
