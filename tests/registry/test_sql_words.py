"""What a glance at SQL sees, and what it passes over."""

from __future__ import annotations

import pytest

from evenfall.registry.sql_words import groups_rows, mentions_table


@pytest.mark.parametrize(
    ("sql", "grouped"),
    [
        ("SELECT a, COUNT(*) FROM t GROUP BY a", True),
        ("select a, count(*) from t group\n  by a", True),
        ("SELECT COUNT(*) FROM t", False),
        ("SELECT COUNT(*) FROM t -- GROUP BY a", False),
        ("SELECT COUNT(*) FROM t /* GROUP BY a */", False),
        ("SELECT ' GROUP BY ' FROM t", False),
        ('SELECT "group by" FROM t', False),
        ("WITH v AS (SELECT u FROM t GROUP BY u) SELECT COUNT(*) FROM v", False),
        (
            "WITH v AS (SELECT u FROM t) SELECT c FROM v WHERE ({% if c %} 1 {% endif %}) GROUP BY c",
            True,
        ),
        ("SELECT '{{channel}}' AS c, COUNT(*) FROM t GROUP BY c", True),
    ],
)
def test_only_the_outermost_group_by_makes_one_row_per_group(sql: str, grouped: bool) -> None:
    assert groups_rows(sql) is grouped


@pytest.mark.parametrize(
    ("sql", "mentioned"),
    [
        ("SELECT mean, stdev FROM parameter_posteriors", True),
        ('SELECT mean FROM Public."Parameter_Posteriors" p', True),
        ("SELECT mean FROM `lake.parameter_posteriors`", True),
        ("SELECT mean FROM parameter_posteriors_old", False),
        ("SELECT mean FROM t WHERE name = 'parameter_posteriors'", False),
        ("SELECT mean FROM t -- parameter_posteriors", False),
    ],
)
def test_a_table_is_mentioned_by_its_last_name(sql: str, mentioned: bool) -> None:
    assert mentions_table(sql, "lake.parameter_posteriors") is mentioned
