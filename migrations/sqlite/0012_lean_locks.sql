-- The table of locks with what its questions need and no more: two pages fewer for each lock that is taken. Its ids only order locks, so
-- that one may come again when its lock is gone. A token is 122 random bits and is looked for at its node.

create table lean_lock (
    id           integer primary key,
    share_id     integer not null references share (id) on delete cascade,
    node_id      integer not null references node (id) on delete cascade,
    token        text not null,
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
insert into lean_lock (id, share_id, node_id, token, kind, exclusive, deep, holder_id, owner, created_at, granted_s, expires_at, fresh,
                       wanted_by, lapses_at)
select id, share_id, node_id, token, kind, exclusive, deep, holder_id, owner, created_at, granted_s, expires_at, fresh,
       wanted_by, lapses_at from lock;
drop table lock;
alter table lean_lock rename to lock;
create index lock_by_node on lock (node_id);
create index lock_by_share on lock (share_id, holder_id);
create index lock_by_expiry on lock (expires_at) where expires_at is not null;
create index lock_by_lapse on lock (lapses_at) where lapses_at is not null;
