"""Passwords in addresses, which no record and no message holds."""

import re

IN_ADDRESS = re.compile(r"(//[^/?#\s:@'\"\\]*)\\?:([^\s'\"]*)@")
"""An address up to its user, and the password, which ends at a space or a quotation mark; Hydra escapes colons."""
IN_QUERY = re.compile(r"([?&](?:password|passwd|token|sslpassword)=)[^&\s'\"]*", re.IGNORECASE)


def redacted(text: str, password: str = "") -> str:
    """A text in which addresses such as `postgresql://user:password@host` have no passwords, or this one instead."""
    text = IN_ADDRESS.sub(lambda match: f"{match[1]}:{password}@" if password else f"{match[1]}@", text)
    return IN_QUERY.sub(rf"\g<1>{password}", text)
