"""The queries that make one row a user and note of all acts.

An act is one number: the rank of its kind, then its time in milliseconds. The greatest is the weightiest, then the
newest. 44 bits hold the time, plus one, so that 0 is an act without.
"""

NO_ACTS = """SELECT 0::UBIGINT AS user_key, 0::INTEGER AS note, 0::BIGINT AS code, 0::BIGINT AS acts,
    NULL::VARCHAR AS query, 0::BIGINT AS queried WHERE false"""
ADD_ABSENT = """INSERT INTO absent
    SELECT -1 - (SELECT count(*) FROM absent) - row_number() OVER (ORDER BY id), id FROM unknown
    WHERE id NOT IN (SELECT id FROM notes) AND id NOT IN (SELECT id FROM absent)"""
"""Numbers below 0 for notes that are not there."""
ADD_KEPT = """INSERT INTO acts
    SELECT kept.user, places.note, (rank::BIGINT << 44) | (coalesce(timestamp, -1) + 1), acts, query,
        CASE WHEN query IS NOT NULL THEN coalesce(queried, -1) END
    FROM kept JOIN kinds USING (kind) JOIN (SELECT note, id FROM notes UNION ALL SELECT note, id FROM absent) places
        ON places.id = kept.note"""
PLACED = """SELECT judged.*, notes.note AS place, kinds.rank,
        CASE WHEN problem IS NOT NULL THEN 'rejected_interactions'
            WHEN coalesce(power < $least::DOUBLE, false) OR worth <= 0 THEN 'too_weak'
            WHEN notes.note IS NULL THEN 'of_unknown_notes' ELSE 'used' END AS became
    FROM judged LEFT JOIN notes ON notes.id = judged.note_id LEFT JOIN kinds USING (kind)"""
REJECTED = "SELECT line, problem FROM placed WHERE problem IS NOT NULL ORDER BY line, problem LIMIT $most"
UNKNOWN = "SELECT DISTINCT note_id AS id FROM placed WHERE became = 'of_unknown_notes'"
ADD = """INSERT INTO acts
    SELECT md5_number_lower(user_id), coalesce(place, absent.note), (rank::BIGINT << 44) | (coalesce(moment, -1) + 1),
        1, query, CASE WHEN query IS NOT NULL THEN coalesce(moment, -1) END
    FROM placed LEFT JOIN absent ON absent.id = note_id WHERE became IN ('used', 'of_unknown_notes')"""
MERGED = """SELECT user_key, note, max(code) AS code, sum(acts)::BIGINT AS acts,
        max({'t': queried, 'q': query}) FILTER (query IS NOT NULL) AS said
    FROM acts GROUP BY user_key, note"""
OF_AUTHORS = """SELECT user_key, note, (rank::BIGINT << 44) | (coalesce(moment, -1) + 1) AS code, 1::BIGINT AS acts,
        NULL::STRUCT(t BIGINT, q VARCHAR) AS said
    FROM authors JOIN kinds ON kind = 'click'"""
SAVED = """SELECT user_key AS user, id AS note, kind, nullif(code & ((1::BIGINT << 44) - 1), 0) - 1 AS timestamp, acts,
        said.q AS query, nullif(said.t, -1) AS queried
    FROM merged JOIN kinds ON rank = code >> 44
        JOIN (SELECT note, id FROM notes UNION ALL SELECT note, id FROM absent) USING (note)
    ORDER BY id, user_key"""
BUSY = """SELECT user_key, sum(acts)::BIGINT AS acts, max(nullif(code & ((1::BIGINT << 44) - 1), 0) - 1) AS newest,
        min(nullif(code & ((1::BIGINT << 44) - 1), 0) - 1) AS oldest
    FROM merged GROUP BY user_key"""
PEOPLE = "SELECT (row_number() OVER (ORDER BY user_key) - 1)::INTEGER AS user_no, * FROM busy WHERE acts <= $most"
NOW = "SELECT min(newest) FROM (SELECT newest FROM people WHERE newest IS NOT NULL ORDER BY 1 DESC LIMIT $witnesses)"
FIRST = "SELECT max(oldest) FROM (SELECT oldest FROM people WHERE oldest IS NOT NULL ORDER BY 1 LIMIT $witnesses)"
PAIRS = """SELECT user_no, note, kind <> 'click' AS beyond, query, round(1000000 * fade)::BIGINT AS decay,
        round(1000000 * fade * worth)::BIGINT AS weight
    FROM (SELECT user_key, note, code >> 44 AS rank, said.q AS query, pow(2.0, least(0.0,
            coalesce(nullif(code & ((1::BIGINT << 44) - 1), 0) - 1 - $now, 0) / $half_life)) AS fade
        FROM merged WHERE note >= 0) JOIN kinds USING (rank) JOIN people USING (user_key)"""
