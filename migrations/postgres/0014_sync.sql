-- What clients need that follow a folder by its changes (RFC 6578).

-- Where a node was that a row of the change log tells to have left its place. The path and the nodes on it are those of that moment: later the
-- folders on the way may be elsewhere, or purged.
create table departure (
    share_id bigint not null,
    seq      bigint not null,               -- of the row in the change log
    node_id  bigint not null,
    kind     bigint not null,               -- 0 collection, 1 file
    ids      text collate "C" not null,     -- of the collections that it was in, from the share's root on, as JSON
    path     text collate "C" not null,     -- its names from the share's root on, a slash between them
    primary key (share_id, seq)
);

-- What of a share somebody saw when he was given a token; the token names it.
create table sync_view (
    id      bytea primary key,              -- a hash of it
    shown   text collate "C" not null,
    used_at bigint not null
);
create index sync_view_by_time on sync_view (used_at);

-- With it tokens are sealed, by every server of the site.
insert into site (key, value)
values ('sync_key', replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''));
