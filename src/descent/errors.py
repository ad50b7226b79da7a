"""The one kind of error that is told to the user in a line, without a traceback."""


class UserError(Exception):
    """What a user can cause and mend: says in one line what is wrong, where, and what to do."""
