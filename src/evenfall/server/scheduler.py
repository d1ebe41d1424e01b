"""The nights inside a server: each project's at its hour in its zone, and at once the one that was missed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import time
from functools import partial
from zoneinfo import ZoneInfo

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from evenfall.errors import EvenfallError
from evenfall.server.jobs import Jobs
from evenfall.server.served import Served
from evenfall.server.settings import ServerSettings

__all__ = ["run_due", "start", "trigger_of"]

_log = logging.getLogger(__name__)


def start(served: Served, settings: ServerSettings, jobs: Jobs) -> Callable[[], None]:
    """Schedule the nights of every project and return what ends that.

    The last night whose hour has come is run at once where it was missed. A project whose clock is pinned
    has no nights of its own accord.
    """
    if not settings.scheduler:
        _log.info("no night is scheduled here: start them with `evenfall nightly`")
        return _nothing
    scheduler = BackgroundScheduler()
    for tenant in served.tenants:
        declared = served.project(tenant).registry.settings
        if declared.clock is not None:
            _log.info("no night of %s is scheduled: its clock is pinned to %s", tenant, declared.clock)
            continue
        hour = declared.scheduled_hour
        scheduler.add_job(
            partial(run_due, served, jobs, tenant),
            trigger_of(declared.scheduled_hour, declared.zone),
            id=tenant,
            coalesce=True,
            misfire_grace_time=None,
        )
        _log.info("nights of %s are run at %s %s", tenant, f"{hour:%H:%M}", declared.zone)
        run_due(served, jobs, tenant)
    scheduler.start()
    return partial(scheduler.shutdown, wait=False)


def trigger_of(hour: time, zone: ZoneInfo) -> CronTrigger:
    """Return when nights are due: every day at `hour`, and twice in an hour that autumn repeats."""
    return CronTrigger(hour=hour.hour, minute=hour.minute, timezone=zone)


def run_due(served: Served, jobs: Jobs, tenant: str) -> bool:
    """Queue the last night whose hour has come unless it was kept already; return whether it was queued.

    So a second firing, in the hour that autumn repeats or after a restart, does nothing.
    """
    try:
        nights = served.fresh(tenant).nights
        due = nights.due()
        if nights.is_kept(due):
            return False
        jobs.submit(tenant, due.as_of)
    except EvenfallError:
        _log.exception("the night of %s could not be queued", tenant)
        return False
    return True


def _nothing() -> None:
    """End nothing."""
