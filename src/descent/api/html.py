"""Parts of what notebooks show."""

from base64 import b64encode
from html import escape
from pathlib import Path

HEIGHT = 640
"""Of a player, in pixels, at the width of a notebook."""


def player_frame(player: str, title: str) -> str:
    """A player in a frame of its own, whose script can reach nothing of the notebook."""
    style = f"width: 100%; height: {HEIGHT}px; border: 0; border-radius: 6px"
    return (
        f'<iframe sandbox="allow-scripts" style="{style}" title="{escape(title)}" srcdoc="{escape(player)}"></iframe>'
    )


def picture(path: Path) -> str:
    """A PNG picture, in the page itself."""
    data = b64encode(path.read_bytes()).decode()
    style = "max-width: 100%; margin: 4px 0"
    return f'<img alt="{escape(path.stem)}" style="{style}" src="data:image/png;base64,{data}">'
