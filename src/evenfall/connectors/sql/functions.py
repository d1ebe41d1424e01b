"""What a user's SELECT may be made of: syntax, and functions that only read their arguments.

Both are lists of what is allowed. A function that reads a file, the environment, the catalogue or the clock,
or that gives another answer each time, is on neither, and what nobody thought of is refused.
"""

from __future__ import annotations

from typing import Final

from sqlglot import exp

__all__ = ["FUNCTIONS", "NAMED_FUNCTIONS", "SYNTAX", "function_name"]

_SYNTAX_NAMES: Final = """
    Select Union Except Intersect Subquery From Join Where Group Having Qualify Order Ordered Limit
    Offset With CTE Table TableAlias Column Identifier Star Alias Distinct Tuple Literal Null
    Boolean Placeholder Paren Values Var DataType DataTypeParam Interval IntervalSpan Window
    WindowSpec WithinGroup Filter IgnoreNulls RespectNulls Bracket Dot Collate And Or Xor Not EQ NEQ
    GT GTE LT LTE NullSafeEQ NullSafeNEQ Is In Between Like ILike Glob Escape Exists Add Sub Mul Div
    IntDiv Mod Neg DPipe BitwiseAnd BitwiseOr BitwiseXor BitwiseNot BitwiseLeftShift
    BitwiseRightShift RegexpLike SimilarTo Case If Cast TryCast Extract AtTimeZone JSONPath
    JSONPathRoot JSONPathKey JSONPathSubscript Any All Array
"""

SYNTAX: Final[frozenset[type[exp.Expr]]] = frozenset(getattr(exp, name) for name in _SYNTAX_NAMES.split())
"""Node types of the parse tree that are no calls, or calls with a syntax of their own."""

_NAMES: Final = """
    count sum avg min max total count_if countif bool_and bool_or any_value arg_max arg_min max_by
    min_by stddev stddev_pop stddev_samp variance var_pop var_samp median mode quantile
    quantile_cont quantile_disc percentile_cont percentile_disc approx_count_distinct
    approx_quantile first last first_value last_value nth_value row_number rank dense_rank
    percent_rank cume_dist ntile lag lead corr covar_pop covar_samp coalesce ifnull nullif iif if
    greatest least abs sign round floor ceil ceiling trunc sqrt power pow exp ln log log2 log10 mod
    sin cos tan asin acos atan atan2 pi degrees radians isnan isfinite isinf lower upper length len
    trim ltrim rtrim substr substring left right replace concat concat_ws starts_with ends_with
    prefix suffix contains instr strpos position split_part reverse lpad rpad ascii unicode chr
    regexp_matches regexp_extract regexp_replace regexp_full_match like_escape hash md5 sha256 date
    datetime time julianday unixepoch strftime strptime try_strptime date_trunc datetrunc date_part
    datepart date_diff datediff date_add date_sub datesub last_day dayname monthname year quarter
    month week weekofyear weekday isodow dayofweek dayofmonth dayofyear day hour minute second epoch
    epoch_ms epoch_us make_date make_timestamp to_timestamp to_days to_hours to_minutes to_seconds
    to_weeks to_months to_years age time_bucket json_extract json_extract_string list_contains
    array_length struct_extract typeof
"""

NAMED_FUNCTIONS: Final = frozenset(_NAMES.split())
"""Functions by the names the warehouses give them."""

_SQLGLOT_ONLY: Final = {
    *("DATE", "TS_OR_DS_TO_DATE", "TS_OR_DS_TO_TIMESTAMP", "TIME_TO_STR", "STR_TO_TIME", "STR_TO_DATE"),
    *("TIMESTAMP_TRUNC", "DATE_TRUNC", "UNIX_TO_TIME", "TIME_TO_UNIX", "TIMESTAMP_DIFF", "DATE_DIFF"),
    *("DATE_ADD", "DATE_SUB", "DAY_OF_WEEK", "DAY_OF_MONTH", "DAY_OF_YEAR", "DAY_OF_WEEK_ISO"),
    *("WEEK_OF_YEAR", "LOGICAL_AND", "LOGICAL_OR", "APPROX_DISTINCT", "STR_POSITION", "JSON_EXTRACT"),
    *("JSON_EXTRACT_SCALAR", "ARRAY_CONTAINS", "ARRAY_SIZE", "STRUCT_EXTRACT", "TIMESTAMP", "STARTS_WITH"),
    *("ENDS_WITH", "REGEXP_EXTRACT", "REGEXP_REPLACE", "SPLIT_PART", "SHA2", "IS_NAN", "IS_INF", "PAD"),
    *(
        "UNIX_SECONDS",
        "EPOCH",
        "EPOCH_MS",
        "DATE_FROM_PARTS",
        "DATE_BIN",
        "TS_OR_DS_ADD",
        "TIMESTAMP_ADD",
        "TIMESTAMP_SUB",
        "CHR",
    ),
}


def _classes() -> frozenset[type[exp.Expr]]:
    """Return sqlglot's own node types for the functions above."""
    wanted = {name.upper() for name in NAMED_FUNCTIONS} | _SQLGLOT_ONLY
    return frozenset(kind for name, kind in exp.FUNCTION_BY_NAME.items() if name.upper() in wanted)


FUNCTIONS: Final[frozenset[type[exp.Expr]]] = _classes()
"""sqlglot's node types for the functions that are allowed."""


def function_name(node: exp.Func) -> str:
    """Return the name by which people know a function in the tree."""
    return node.name.lower() if isinstance(node, exp.Anonymous) else node.sql_name().lower()
