"""The background sync of a configuration."""

from descent.core.config import Tracking
from descent.tracking.background import BackgroundSync


def background_sync(tracking: Tracking) -> BackgroundSync:
    """The worker that draws runs and syncs them to the configuration's MLflow store, if it names one."""
    return BackgroundSync(tracking.uri, tracking.max_points, tracking.flush_timeout)
