"""Passwords in addresses, which no record and no message holds."""

import re

IN_ADDRESS = re.compile(r"(//[^/?#\s:@'\"\\]*)\\?:([^\s'\"]*)@")
"""An address up to its user, and the password, which ends at a space or a quotation mark; Hydra escapes colons."""
IN_QUERY = re.compile(r"([?&](?:password|passwd|token|sslpassword)=)[^&\s'\"]*", re.IGNORECASE)


OF_USER = re.compile(r"(?<=//)([^/?#\s:@'\"]+)@")
"""The user of an address without a password."""


def redacted(text: str) -> str:
    """A text in which addresses such as `postgresql://user:password@host` have no passwords."""
    return IN_QUERY.sub(r"\1", IN_ADDRESS.sub(r"\1@", text))


def with_placeholder(uri: str) -> str:
    """An address that has a user, with the word PASSWORD for the password; any other as it is."""
    return OF_USER.sub(r"\1:PASSWORD@", redacted(uri))
