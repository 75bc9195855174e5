-- Locks of every kind, one table for every door; names that were just left, so that an editor's save keeps identity;
-- what holders must be told, and the record of broken locks.

create table lock (
    id           integer primary key autoincrement,
    share_id     integer not null references share (id) on delete cascade,
    node_id      integer not null references node (id) on delete cascade,
    token        text not null unique,
    kind         integer not null,                -- 0 dav: by token; 1 user: by person; 2 auto: by person, for a document
    exclusive    integer not null,
    deep         integer not null,                -- depth infinity
    holder_id    integer not null references user (id) on delete cascade,
    owner        text,                            -- the client's XML, self-contained
    created_at   integer not null,
    granted_s    integer,                         -- the time-out that was given; null: untimed
    expires_at   integer,                         -- null: untimed
    fresh        integer not null default 0,      -- 1: made its file, which has not been written yet
    wanted_by    integer references user (id) on delete set null,
    lapses_at    integer                          -- when a request to release it becomes a take-over
);
create index lock_by_node on lock (node_id);
create index lock_by_share on lock (share_id, holder_id);
create index lock_by_expiry on lock (expires_at) where expires_at is not null;
create index lock_by_lapse on lock (lapses_at) where lapses_at is not null;

-- A lock that was taken away from its holder, so that his late save is kept as a collision copy and he is told.
create table broken_lock (
    token     text primary key,
    share_id  integer not null references share (id) on delete cascade,
    node_id   integer not null references node (id) on delete cascade,
    holder_id integer not null references user (id) on delete cascade,
    broken_by integer,                            -- null: the site's owner, at the command line; or nobody any more
    broken_at integer not null
) without rowid;
create index broken_lock_by_time on broken_lock (broken_at);

-- A name that a file has left a moment ago, by DELETE or MOVE: what comes back under it is the same document.
create table vacated (
    parent_id integer not null,
    name_key  text not null,
    node_id   integer not null references node (id) on delete cascade,
    user_id   integer not null,
    left_at   integer not null,
    primary key (parent_id, name_key)
) without rowid;
create index vacated_by_time on vacated (left_at);

alter table share add column auto_lock integer not null default 0;
alter table share add column collision_copies integer not null default 1;
alter table share add column handover_s integer not null default 600;  -- a request to release a lock lapses after so long

-- 1: written by somebody who had not said which state he was changing, over another person's.
alter table revision add column collision integer not null default 0;
