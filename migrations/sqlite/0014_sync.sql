-- What clients need that follow a folder by its changes (RFC 6578).

-- Where a node was that a row of the change log tells to have left its place. The path and the nodes on it are those of that moment: later the
-- folders on the way may be elsewhere, or purged.
create table departure (
    share_id integer not null,
    seq      integer not null,              -- of the row in the change log
    node_id  integer not null,
    kind     integer not null,              -- 0 collection, 1 file
    ids      text not null,                 -- of the collections that it was in, from the share's root on, as JSON
    path     text not null,                 -- its names from the share's root on, a slash between them
    primary key (share_id, seq)
) without rowid;

-- What of a share somebody saw when he was given a token; the token names it.
create table sync_view (
    id      blob primary key,               -- a hash of it
    shown   text not null,
    used_at integer not null
) without rowid;
create index sync_view_by_time on sync_view (used_at);

-- With it tokens are sealed, by every server of the site.
insert into site (key, value) values ('sync_key', lower(hex(randomblob(32))));
