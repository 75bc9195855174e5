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

-- Uploads in pieces: what has come of each, until it is put together as a file.
create table upload (
    id         integer primary key autoincrement,
    user_id    integer not null references user (id) on delete cascade,
    name       text not null,               -- by which its client knows it
    expires_at integer not null,
    unique (user_id, name)
);
create index upload_by_expiry on upload (expires_at);

create table upload_part (
    upload_id  integer not null references upload (id) on delete cascade,
    name       text not null,
    content_id blob not null,
    size       integer not null,
    primary key (upload_id, name)
) without rowid;
create index upload_part_by_content on upload_part (content_id);

create trigger upload_part_drops_content after delete on upload_part
begin
    insert into gc (content_id) values (old.content_id)
    on conflict (content_id) do update set not_before = null where doomed = 0;
end;

-- Clients that wait for somebody to log in on a page (Nextcloud's login flow). Both tokens are kept as hashes; the app password is made
-- when the client asks for it.
create table login_flow (
    page       blob primary key,            -- hash of the token of the page
    poll       blob not null unique,        -- hash of the token by which the client asks
    agent      text not null,               -- what the client calls itself
    address    text not null,               -- where it is, as it counts
    expires_at integer not null,
    user_id    integer references user (id) on delete cascade   -- who has logged in
) without rowid;
create index login_flow_by_expiry on login_flow (expires_at);
create index login_flow_by_address on login_flow (address, expires_at);
