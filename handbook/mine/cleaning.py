"""What makes a row an interaction: the queries that turn what a file says into typed columns, or into a problem."""

import pyarrow as pa

from handbook.mine.rows import COLUMNS
from notes.records import RejectReason

_REASONS: dict[str, RejectReason] = {
    "broken_json": "broken_json",
    "missing_id": "missing_id",
    "too_large": "too_large",
    "wrong_type": "wrong_type",
}


def complete(said: pa.Table) -> pa.Table:
    """The table with every column an interaction can have."""
    for name in COLUMNS if "text" not in said.column_names else ():
        if name not in said.column_names:
            said = said.append_column(name, pa.nulls(said.num_rows, pa.string()))
    return said


def said(problem: str) -> tuple[RejectReason, str]:
    """Reason and message of a problem as the queries write it."""
    reason, _, message = problem.partition("|")
    return _REASONS[reason], message


OF_TABLE = "SELECT *, NULL::VARCHAR AS problem FROM raw"
"""What to judge of a table with `line` and all of `COLUMNS`."""
OF_JSON = r"""WITH found AS (SELECT line, text, CASE WHEN json_valid(text) THEN json_extract(text,
            ['$.user_id', '$.note_id', '$.timestamp', '$.kind', '$.strength', '$.query']) END AS e
        FROM raw WHERE trim(text, E' \t\r\n') <> ''),
    typed AS (SELECT line, e, list_transform(e, lambda x: coalesce(json_type(x), 'NULL')) AS types,
        list_transform(e, lambda x: json_extract_string(x, '$')) AS texts,
        CASE WHEN e IS NOT NULL THEN json_type(text) END AS whole FROM found)
    SELECT line, texts[1] AS user_id, texts[2] AS note_id, texts[3] AS timestamp, texts[4] AS kind,
        texts[5] AS strength, texts[6] AS query, CASE WHEN e IS NULL THEN 'broken_json|not valid JSON'
            WHEN whole <> 'OBJECT' THEN 'wrong_type|an interaction is a JSON object'
            WHEN types[1] NOT IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'NULL')
                THEN 'wrong_type|user_id must be a string or a whole number'
            WHEN types[2] NOT IN ('VARCHAR', 'BIGINT', 'UBIGINT', 'NULL')
                THEN 'wrong_type|note_id must be a string or a whole number'
            WHEN types[3] IN ('BOOLEAN', 'ARRAY', 'OBJECT') THEN 'wrong_type|timestamp must be a number'
            WHEN types[4] NOT IN ('VARCHAR', 'NULL') THEN 'wrong_type|kind must be a string'
            WHEN types[5] IN ('BOOLEAN', 'ARRAY', 'OBJECT') THEN 'wrong_type|strength must be a number'
            WHEN types[6] NOT IN ('VARCHAR', 'NULL') THEN 'wrong_type|query must be a string' END AS problem
        FROM typed"""
"""The same of a table with `line` and `text`: a JSON value a row."""
JUDGED = r"""SELECT line, user_id, note_id, kind, power, query,
    CASE WHEN NOT untimely THEN floor(seconds * 1000)::BIGINT END AS moment,
    CASE WHEN problem IS NOT NULL THEN problem
        WHEN coalesce(user_id, '') = '' THEN 'missing_id|no `user_id`'
        WHEN coalesce(note_id, '') = '' THEN 'missing_id|no `note_id`'
        WHEN length(user_id) > 256 OR length(note_id) > 256 THEN 'too_large|an id has more than 256 characters'
        WHEN regexp_matches(user_id, '[\p{C}\p{Zl}\p{Zp}]') OR regexp_matches(note_id, '[\p{C}\p{Zl}\p{Zp}]')
            THEN 'wrong_type|an id holds control characters'
        WHEN kind NOT IN ('click', 'like', 'save', 'comment', 'share', 'search')
            THEN 'wrong_type|kind ' || kind[:40] || ' is none of click, like, save, comment, share, search'
        WHEN untimely THEN 'wrong_type|timestamp ' || said_at[:40] || ' is no time from 1970 to 2099'
        WHEN said_power IS NOT NULL AND NOT coalesce(isfinite(power), false)
            THEN 'wrong_type|strength ' || said_power[:40] || ' is no number' END AS problem
    FROM (SELECT *, said_at IS NOT NULL AND NOT coalesce(seconds >= 0 AND seconds < 4102444800, false) AS untimely
        FROM (SELECT *,
                CASE WHEN number_at > 1e11 THEN number_at / 1000 ELSE coalesce(number_at, date_at) END AS seconds
            FROM (SELECT line, problem,
                trim(user_id, E' \t\r\n') AS user_id, trim(note_id, E' \t\r\n') AS note_id,
                coalesce(nullif(lower(trim(kind, E' \t\r\n')), ''), 'click') AS kind,
                nullif(timestamp::VARCHAR, '') AS said_at, try_cast(timestamp AS DOUBLE) AS number_at,
                CASE WHEN try_cast(timestamp AS DOUBLE) IS NULL AND timestamp::VARCHAR LIKE '%-%'
                    THEN epoch(try_cast(timestamp::VARCHAR AS TIMESTAMPTZ)) END AS date_at,
                nullif(strength::VARCHAR, '') AS said_power, try_cast(strength AS DOUBLE) AS power,
                nullif(trim(regexp_replace(query, '[\p{C}\s]+', ' ', 'g')[:160]), '') AS query
            FROM read)))"""
"""Of the table `read`: typed values, `moment` in milliseconds, `problem` NULL or reason|message."""
