"""The tables of `index.db`, as SQL. Pure.

Most can be derived from the seeds again. What cannot is kept apart and survives every rebuild: the remembered ids
(`alias`, `story`, `public_id`), the last good versions (`last_good`), the tombstones (`withdrawn`), the spellings of
topics (`topic_name`), and the removed pages of items (`gone_page`). Names of columns stay as older versions wrote them;
the comments name the fields they are read into.
"""

from __future__ import annotations

VERSION = 7

REMEMBERED = """
-- key: 64-bit hash of a link, an own id or a path; story: what it led to first. Rows of paths go with their files.
CREATE TABLE IF NOT EXISTS alias(key INTEGER PRIMARY KEY, story INTEGER NOT NULL);
-- own: the seed chose the id itself; sealed (`id_is_final`): readers have seen the id, so it never changes; sum: crc32
-- of the id, since an id with a flipped bit would be another item to every reader.
CREATE TABLE IF NOT EXISTS story(
    story INTEGER PRIMARY KEY, id TEXT NOT NULL, own INTEGER NOT NULL, sealed INTEGER NOT NULL, sum INTEGER NOT NULL
);
-- own: an id that a seed chose, and that is no URI or is what readers see of another; id: what they see instead, for
-- ever (`public_ids`).
CREATE TABLE IF NOT EXISTS public_id(own TEXT PRIMARY KEY, id TEXT NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS public_id_id ON public_id(id);
-- the version that readers still see of a file that can no longer be read; digest: of the seed.
CREATE TABLE IF NOT EXISTS last_good(path TEXT PRIMARY KEY, seed BLOB NOT NULL, digest BLOB) WITHOUT ROWID;
-- tombstones: what readers saw in a feed under which id and see no more; withdrawn when (at), announced until (ends).
CREATE TABLE IF NOT EXISTS withdrawn(
    story INTEGER, slug TEXT, at INTEGER NOT NULL, ends INTEGER NOT NULL, id TEXT NOT NULL, PRIMARY KEY(story, slug)
) WITHOUT ROWID;
DROP INDEX IF EXISTS withdrawn_slug;
CREATE INDEX IF NOT EXISTS withdrawn_latest ON withdrawn(slug, at DESC, id);
CREATE INDEX IF NOT EXISTS withdrawn_ends ON withdrawn(ends);
-- how visible seeds spell topics, and how many use each spelling; unused ones name the feeds that they left empty.
CREATE TABLE IF NOT EXISTS topic_name(
    slug TEXT, name TEXT, uses INTEGER NOT NULL, PRIMARY KEY(slug, name)
) WITHOUT ROWID;
-- the pages of items that were removed, and when; sum: checksum of both.
CREATE TABLE IF NOT EXISTS gone_page(name TEXT PRIMARY KEY, at INTEGER NOT NULL, sum INTEGER NOT NULL) WITHOUT ROWID;
UPDATE topic_name SET uses=0 WHERE uses!=0;
"""

DERIVED = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE file(
    file INTEGER PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    dev INTEGER, ino INTEGER, size INTEGER,
    mtime INTEGER,          -- nanoseconds; -1: it changed too shortly before it was read, so it is read again
    ctime INTEGER,
    digest BLOB,            -- of the file's bytes; one byte more if its date is that of its first commit
    content BLOB,           -- digest of the stored seed
    rule TEXT NOT NULL,     -- the rule that holds it back, '' if none does
    detail TEXT NOT NULL,
    stale INTEGER NOT NULL, -- 1: it cannot be read, its last good version is used
    story INTEGER,          -- NULL: held back
    newest INTEGER, quality INTEGER, starts INTEGER, ends INTEGER,
    since INTEGER,          -- nothing about it changes by itself in [since, until)
    until INTEGER,
    verdict BLOB,
    shown BLOB,             -- `entries`: its rows of the table entry, packed; NULL if none
    sum INTEGER NOT NULL    -- checksum of all other columns but those from `dev` to `digest`
);
-- a key that several stories say, which only seeds with different ids of their own do.
CREATE TABLE shared_key(key INTEGER, story INTEGER, PRIMARY KEY(key, story)) WITHOUT ROWID;
CREATE INDEX shared_key_story ON shared_key(story);
-- Copies: these tables are empty unless `stories.copies` looks for them.
-- what is compared of a file, with the keys under which it stands in `text_key` (`copies.StoredText`), packed.
CREATE TABLE text(file INTEGER PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE text_key(key INTEGER, file INTEGER, PRIMARY KEY(key, file)) WITHOUT ROWID;
-- the paragraphs of every source, with the number of the link of the file; common: those of several items.
CREATE TABLE paragraph(key INTEGER, file INTEGER, link INTEGER NOT NULL, PRIMARY KEY(key, file)) WITHOUT ROWID;
CREATE TABLE common_paragraph(key INTEGER PRIMARY KEY);
-- pairs of files with nearly the same text, each both ways; share: of their runs, in thousandths; sum: checksum.
CREATE TABLE alike(
    file INTEGER, other INTEGER, share INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY(file, other)
) WITHOUT ROWID;
-- the files that are copies of another one; sum: checksum of the two.
CREATE TABLE copy(file INTEGER PRIMARY KEY, original INTEGER NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX copy_original ON copy(original);
-- Stories: these tables are empty unless `stories.stories` looks for them.
-- what is compared of a file (`coverage.Wording`), packed; counts: 0 if the file is a copy of another one.
CREATE TABLE wording(file INTEGER PRIMARY KEY, counts INTEGER NOT NULL, wording BLOB NOT NULL);
-- the words and addresses of the wordings that count, as numbers, with the day of the file (since 1970), and the names
-- of stories with `NAMED_DAY`; in how many files of a day each stands (-1: all of them); the files of each day.
CREATE TABLE wording_key(key INTEGER, day INTEGER, file INTEGER, PRIMARY KEY(key, day, file)) WITHOUT ROWID;
CREATE TABLE key_count(key INTEGER, day INTEGER, count INTEGER NOT NULL, PRIMARY KEY(key, day)) WITHOUT ROWID;
CREATE TABLE wording_day(day INTEGER, file INTEGER, PRIMARY KEY(day, file)) WITHOUT ROWID;
-- pairs of files that cover one event, each both ways; share: of their rare words, in thousandths; sum: checksum.
CREATE TABLE coverage(
    file INTEGER, other INTEGER, share INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY(file, other)
) WITHOUT ROWID;
-- when feeds show better items of the event of a file instead (`coverage.Hidden`), packed.
CREATE TABLE hidden(file INTEGER PRIMARY KEY, windows BLOB NOT NULL);
CREATE TABLE seed(file INTEGER PRIMARY KEY, seed BLOB NOT NULL);
CREATE TABLE problem(file INTEGER PRIMARY KEY, problems BLOB NOT NULL);
-- sort: minus the date, worst: minus the quality, the first parts of the feed's order (the third is the path of the
-- file); tie: a hash of the id, by which crowded hours of an archive are cut.
CREATE TABLE entry(
    feed INTEGER, sort INTEGER, worst INTEGER, tie INTEGER, file INTEGER, starts INTEGER, ends INTEGER,
    PRIMARY KEY(feed, sort, worst, tie, file, starts)
) WITHOUT ROWID;
CREATE TABLE feed(
    feed INTEGER PRIMARY KEY, slug TEXT NOT NULL UNIQUE,
    dirty INTEGER NOT NULL DEFAULT 1,   -- 1: what it shows may have changed, 2: pages of its archive are to come
    key BLOB,               -- digest of what the published documents show
    stamps BLOB,            -- `file_identity` of its documents on disk
    summary BLOB,
    shelf BLOB,             -- `archive_digest` of what its archive's pages show besides their items
    sum INTEGER NOT NULL    -- checksum of feed and slug
);
-- a page of a feed's archive: the items of `month` (`archive_layout`) after the page before it, up to the cell `last`.
CREATE TABLE page(
    feed INTEGER, month INTEGER, last INTEGER,
    wanted INTEGER NOT NULL,    -- 0: its files are to be removed
    dirty INTEGER NOT NULL,
    key BLOB,                   -- digest of what its documents show
    stamps BLOB,                -- `file_identity` of its documents; empty if unknown, NULL if there are none
    sum INTEGER NOT NULL,       -- checksum of feed, month and last
    PRIMARY KEY(feed, month, last)
) WITHOUT ROWID;
CREATE INDEX page_dirty ON page(month, last, feed) WHERE dirty = 1;
-- the pages of items (`item_pages.ItemPageRow`): empty unless `pages.items` wants any.
CREATE TABLE item_page(
    story INTEGER PRIMARY KEY,  -- negative: found on disk, and nobody's
    name TEXT,                  -- NULL: not published yet
    month INTEGER NOT NULL, changed INTEGER NOT NULL, listed INTEGER NOT NULL,
    dirty INTEGER NOT NULL,
    key BLOB, stamps BLOB,      -- as in `page`
    sum INTEGER NOT NULL        -- checksum of story, name, month, changed and listed
);
CREATE INDEX item_page_dirty ON item_page(story) WHERE dirty = 1;
CREATE INDEX item_page_month ON item_page(month) WHERE listed = 1;
CREATE INDEX item_page_name ON item_page(name) WHERE name IS NOT NULL;
-- the months of the sitemap; parts: how many documents it has; sum: checksum of month and parts.
CREATE TABLE sitemap(
    month INTEGER PRIMARY KEY, dirty INTEGER NOT NULL, parts INTEGER NOT NULL, stamps BLOB, sum INTEGER NOT NULL
);
"""

# Created after the first filling: that is faster than filling an index row by row.
INDEXES = """
CREATE INDEX IF NOT EXISTS file_story ON file(story) WHERE story IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_since ON file(since) WHERE since IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_until ON file(until) WHERE until IS NOT NULL;
CREATE INDEX IF NOT EXISTS file_stale ON file(path) WHERE stale = 1;
"""

REMEMBERED_TABLES = {
    "alias": "key, story",
    "story": "story, id, own, sealed, sum",
    "public_id": "own, id, sum",
    "last_good": "path, seed, digest",
    "withdrawn": "story, slug, at, ends, id",
    "topic_name": "slug, name, 0",
    "gone_page": "name, at, sum",
}
DERIVED_TABLES = (
    "meta", "file", "shared_key", "text", "text_key", "paragraph", "common_paragraph", "alike", "copy", "wording",
    "wording_key", "key_count", "wording_day", "coverage", "hidden", "seed", "problem", "entry", "feed", "page",
    "item_page", "sitemap",
)  # fmt: skip
