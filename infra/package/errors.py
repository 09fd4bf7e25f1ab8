"""The one error of the packager."""


class PackageError(Exception):
    """The package cannot be made, or must not be deployed; the sentence says why."""
