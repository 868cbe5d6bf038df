"""The queries that count phrases."""

NOTES = "SELECT (row_number() OVER (ORDER BY id) - 1)::INTEGER AS note, * FROM kept"
"""Notes by number, in the order of their ids."""
SAID = """SELECT note, key, text, place <= tags AS hashtag
    FROM (SELECT id, len(hashtags) AS tags, unnest(keys) AS key, unnest(list_concat(hashtags, phrases)) AS text,
        unnest(range(1, len(keys) + 1)) AS place FROM kept) JOIN notes USING (id)"""
"""What each note says: `note`, `key`, `text`, `hashtag`."""
COMMON = "SELECT key FROM said GROUP BY key HAVING bool_or(hashtag) OR count(*) >= $least"
"""Keys that can be phrases: any hashtag, and what stands in several titles."""
QUERIES = """SELECT query FROM pairs WHERE query IS NOT NULL GROUP BY query
    ORDER BY count(DISTINCT user_no) DESC, query LIMIT $most"""
SEARCHES = """WITH asked AS (SELECT given.*, user_no FROM pairs JOIN given USING (query) WHERE key <> '')
    SELECT query, key, text, users
    FROM (SELECT query, key, text, count(DISTINCT user_no) AS users FROM asked GROUP BY ALL)
        SEMI JOIN (SELECT key FROM asked GROUP BY key HAVING count(DISTINCT user_no) >= $least) USING (key)"""
"""Searches that enough users made, in whatever spelling."""
KEYS = """WITH spelled AS (SELECT key, text, sum(n) AS n, bool_or(hashtag) AS hashtag, bool_or(asked) AS asked
        FROM (SELECT key, text, CASE WHEN hashtag THEN 2 ELSE 1 END AS n, hashtag, false AS asked
                FROM said SEMI JOIN common USING (key)
            UNION ALL SELECT key, text, users, false, true FROM searches) GROUP BY key, text)
    SELECT (row_number() OVER (ORDER BY key) - 1)::INTEGER AS phrase, * FROM (SELECT key,
        first(text ORDER BY n DESC, text) AS text, bool_or(hashtag) AS hashtag, bool_or(asked) AS asked
        FROM spelled GROUP BY key)"""
"""Phrases by number, with their usual spelling; hashtags count twice."""
POSTS = """SELECT note, phrase, category FROM said JOIN keys USING (key) JOIN of_note USING (note)
    WHERE said.hashtag OR $titles"""
"""Which note carries which phrase; what stands in its title counts where hashtags alone are not the behaviour."""
SEARCHED = """SELECT note, phrase, category, user_no, weight, decay, beyond
    FROM pairs JOIN searches USING (query) JOIN keys USING (key) JOIN of_note USING (note)
    ANTI JOIN posts USING (note, phrase)"""
"""Acts that a search led to, on notes that do not say the words themselves."""
EXTENT = """SELECT sum(a.n * b.n) FROM (SELECT note, count(*) AS n FROM posts GROUP BY note) a
    JOIN (SELECT note, count(*) AS n FROM pairs GROUP BY note) b USING (note)"""
NOTHING_COUNTED = """SELECT 0::INTEGER AS phrase, 0::SMALLINT AS category, 0::BIGINT AS users, 0::HUGEINT AS weight,
    0::HUGEINT AS decay, 0::HUGEINT AS fresh, 0::HUGEINT AS pairs, 0::HUGEINT AS beyond WHERE false"""
TOUCH = """SELECT phrase, category, user_no, max(weight) AS weight, sum(decay) AS decay, max(decay) AS fresh,
        count(*) AS pairs, count(*) FILTER (beyond) AS beyond
    FROM (SELECT phrase, category, user_no, weight, decay, beyond FROM posts JOIN pairs USING (note)
            WHERE phrase % $parts = $part
        UNION ALL SELECT phrase, category, user_no, weight, decay, beyond FROM searched WHERE phrase % $parts = $part)
    GROUP BY phrase, category, user_no"""
"""A row for each user of a phrase in a category."""
COUNT = """INSERT INTO counted SELECT phrase, category, count(*), sum(weight), sum(decay), sum(fresh), sum(pairs),
    sum(beyond) FROM part GROUP BY phrase, category"""
KEEP_USERS = """INSERT INTO touched SELECT phrase, category, user_no FROM part
    SEMI JOIN (SELECT phrase, category FROM counted WHERE users >= $least) USING (phrase, category)"""
STATISTICS = """WITH carried AS (SELECT phrase, category, count(*) AS notes FROM posts GROUP BY ALL),
    reached AS (SELECT phrase, category, count(DISTINCT note) AS notes FROM searched GROUP BY ALL)
    SELECT phrase, category::INTEGER AS category, users, weight::DOUBLE AS weight, decay::DOUBLE AS decay,
        fresh::DOUBLE AS fresh, pairs::BIGINT AS pairs, beyond::BIGINT AS beyond, hashtag, asked,
        coalesce(carried.notes, 0) + coalesce(reached.notes, 0) AS notes
    FROM counted JOIN keys USING (phrase) LEFT JOIN carried USING (phrase, category)
        LEFT JOIN reached USING (phrase, category) ORDER BY phrase, category"""
CARRYING = """SELECT note, number FROM posts JOIN kept USING (phrase, category)
    UNION SELECT note, number FROM (SELECT note, phrase, category FROM searched GROUP BY ALL
        HAVING count(DISTINCT user_no) >= 2) JOIN kept USING (phrase, category)"""
"""Which note is known by which of the phrases that are kept."""
USERS_TOUCHED = """SELECT count(*) FROM touched JOIN kept USING (phrase, category) JOIN people USING (user_no)
    WHERE user_key % $share = 0"""
USERS = """SELECT number, user_no FROM touched JOIN kept USING (phrase, category) JOIN people USING (user_no)
    WHERE user_key % $share = 0 ORDER BY number, user_no"""
CHOSEN = """WITH heavy AS (SELECT note, sum(weight) AS weight FROM pairs GROUP BY note),
    speaking AS (SELECT note, number FROM carrying
        UNION ALL SELECT note, min(number) FROM posts JOIN kept USING (phrase) ANTI JOIN carrying USING (note)
        GROUP BY note),
    weighed AS (SELECT note, number, coalesce(weight, 0)::BIGINT AS weight FROM speaking LEFT JOIN heavy USING (note)),
    ranked AS (SELECT note, weight, row_number() OVER (PARTITION BY number ORDER BY weight DESC, note) AS place
        FROM weighed),
    best AS (SELECT note, any_value(weight) AS weight, min(place) AS place FROM ranked GROUP BY note),
    queued AS (SELECT note, best.weight, row_number() OVER (PARTITION BY category
        ORDER BY greatest(place, 3), best.weight DESC, note) AS turn, category FROM best JOIN of_note USING (note))
    SELECT note, weight FROM queued ORDER BY turn, category, note LIMIT $most"""
"""Evidence notes: the best three of every phrase first, the categories in turns. A note whose phrases are all interests
of other categories speaks for one of those."""
LED = """SELECT note, query FROM (SELECT note, query, row_number() OVER (PARTITION BY note ORDER BY users DESC, query)
        AS place FROM (SELECT note, query, count(DISTINCT user_no) AS users FROM pairs SEMI JOIN evidence USING (note)
            WHERE query IS NOT NULL GROUP BY ALL HAVING count(DISTINCT user_no) >= 2))
    WHERE place <= 3 ORDER BY note, place"""
"""What led several users to an evidence note."""
