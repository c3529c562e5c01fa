"""Errors of properties that have their own exit codes."""

from alignn_ff.errors import AlignnError


class NotConvergedError(AlignnError):
    """A relaxation inside a property did not converge, so its numbers would be wrong."""

    exit_code = 3
