"""The files a new project starts with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["STARTER"]

_SETTINGS: Final = """\
# Settings of this project. Every key has a default; see `evenfall validate` for what is wrong.
zone = "UTC"                   # days begin and end in this time zone
# clock = 2025-11-30           # pin the date, for examples and tests
# store_url = "sqlite:///.evenfall/store.db"
# lookback_days = 14           # days re-read each night, for rows that changed
# scheduled_hour = "06:00"     # when the night runs

# The connection "data" is always there: DuckDB over the files in data/, where data/visits.csv or
# data/visits/**.parquet is the table "visits". Others are declared by name, secrets by environment variable:
# [connections.analytics]
# type = "postgres"
# host = "db.example.com"
# password = {env = "ANALYTICS_PASSWORD"}
"""

_CHANNEL: Final = """\
# Where visitors come from. Filters and references may only name the values listed here.
id: channel
name: Channel
mece: true            # the values exclude each other and together cover everything
other_policy: null
values:
  - id: google
    label: Google
  - id: direct
    label: Direct
"""

_GRAPH: Final = """\
# The funnel: what people visit, and which parameter says how many go on.
id: funnel
nodes:
  - slug: homepage
  - slug: signup-form
  - slug: signed-up
    outcome: true
edges:
  - slug: start-signup
    from: homepage
    to: signup-form
    p: {parameter_id: start-signup}
  - slug: signup
    from: signup-form
    to: signed-up
    p: {parameter_id: signup-google}
"""

_STATIC: Final = """\
# A belief without data: a mean, and how sure you are of it.
id: start-signup
name: Visitors who open the sign-up form
type: probability
edge_reference: e.start-signup.p.mean
value:
  mean: 0.25
  stdev: 0.05
"""

_OBSERVED: Final = """\
# A belief that meets data every night. Put a file visits.csv with the columns day, channel, signed_up into
# data/ and take the comment signs away.
id: signup-google
name: Sign-ups from Google
type: probability
edge_reference: e.signup.context(channel='google').p.mean
context_filter:
  channel: google
value:
  mean: 0.32
  stdev: 0.06
# observation_source:
#   type: sql
#   connection: data
#   query: |
#     SELECT COUNT(*) AS trials, SUM(signed_up) AS successes
#     FROM visits
#     WHERE channel = 'google' AND day >= :start_date AND day < :end_date
#   parameters:
#     start_date: "NOW() - INTERVAL '7 days'"
#     end_date: "NOW()"
#   min_sample_size: 100
"""

_DATA: Final = """\
# Data

The embedded DuckDB reads this folder and nothing else: `visits.csv` is the table `visits`, and so is a folder
`visits/` of Parquet files.
"""

STARTER: Final[Mapping[str, str]] = {
    "evenfall.toml": _SETTINGS,
    "contexts/channel.yaml": _CHANNEL,
    "graphs/funnel.yaml": _GRAPH,
    "parameters/start-signup.yaml": _STATIC,
    "parameters/signup-google.yaml": _OBSERVED,
    "data/README.md": _DATA,
}
"""Text of each file of a new project, by path."""
