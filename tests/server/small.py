"""A small project with everything the API shows: a graph, slices, a ledger, an incident, three nights."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import evenfall as ef

__all__ = ["NIGHTS", "build_small"]

NIGHTS = (date(2026, 3, 3), date(2026, 3, 4), date(2026, 3, 5))

SETTINGS = """\
# A shop of two edges.
zone = "UTC"
currency = "EUR"
clock = "{clock}"
tenant = "{tenant}"
"""
CONTEXT = """\
id: {tenant}channel
name: "{hostile}"
mece: true
values:
  - {{id: google, label: "{hostile}"}}
  - {{id: direct, label: Direct}}
"""
GRAPH = """\
# The funnel of {tenant}.
id: {tenant}-shop
name: "{hostile}"
nodes:
  - {{slug: home, name: "{hostile}"}}
  - slug: form  # where they sign up
  - slug: done
    outcome: true
edges:
  - slug: open-form
    from: home
    to: form
    p: {{parameter_id: {tenant}-open}}
  - slug: signup
    from: form
    to: done
    p: {{parameter_id: {tenant}-signup}}
"""
OPEN = """\
id: {tenant}-open
name: "{hostile}"
type: probability
edge_reference: e.open-form.p.mean
value: {{mean: 0.25, stdev: 0.05}}
metadata: {{tags: [core], description: "{hostile}"}}
"""
SIGNUP = """\
id: {tenant}-signup
name: Sign-ups
type: probability
edge_reference: e.signup.p.mean
observation_source:
  type: duckdb
  connection: data
  query_template: |
    SELECT channel AS context_{tenant}channel, COUNT(*) AS trials, SUM(signed_up) AS successes
    FROM visits
    WHERE created_at >= :start_date AND created_at < :end_date
    GROUP BY channel
  context_variables: [{tenant}channel]
  parameters: {{start_date: "NOW() - INTERVAL '7 days'", end_date: "NOW()"}}
bayesian_update:
  prior: {{distribution: beta, mean: 0.32, stdev: 0.02}}
"""
SCENARIO = """\
id: {tenant}-better
name: "{hostile}"
graph: {tenant}-shop
overrides: {{open-form: 0.3}}
"""


def build_small(root: Path, *, tenant: str = "default", hostile: str = "Shop", nights: int = 3) -> Path:
    """Write the project under `root`, run its first `nights`, and return `root`.

    Of 300 visits a day, direct ones sign up as often as believed; those of Google a third as often.
    """
    words = {"tenant": tenant, "hostile": hostile, "clock": NIGHTS[-1]}
    for name, text in {
        "evenfall.toml": SETTINGS,
        f"contexts/{tenant}channel.yaml": CONTEXT,
        f"graphs/{tenant}-shop.yaml": GRAPH,
        f"parameters/{tenant}-open.yaml": OPEN,
        f"parameters/{tenant}-signup.yaml": SIGNUP,
        f"scenarios/{tenant}-better.yaml": SCENARIO,
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text.format(**words))
    (root / "data").mkdir()
    (root / "data" / "visits.csv").write_text(visits())
    with ef.open(root) as project:
        for night in NIGHTS[:nights]:
            project.nightly(night).apply()
    return root


def visits() -> str:
    """Return nine days of visits."""
    lines = ["created_at,channel,signed_up"]
    for back in range(9, 0, -1):
        day = NIGHTS[-1] - timedelta(days=back)
        for number in range(300):
            channel, one_in = ("google", 9) if number % 2 else ("direct", 3)
            lines.append(f"{day} {number % 24:02}:30:00,{channel},{int(number // 2 % one_in == 0)}")
    return "\n".join(lines) + "\n"
