-- What the server does by itself, and what it finds out about contents: which of them nothing names any more, which are
-- damaged, and the hashes by which a part of one is checked without the rest.

-- A row a job. It is run by one server at a time: whoever has claimed it, until its lease is over.
create table job (
    name        text primary key,
    next_at     integer not null,
    claimed_by  text,                        -- null: nobody runs it
    lease_until integer,
    started_at  integer,
    ended_at    integer,
    outcome     text,                        -- what the last run did, or why it failed
    failed      integer not null default 0,
    progress    text                         -- where a run that was broken off goes on
) without rowid;

-- Contents that nothing may name any more, until the collector has looked. Triggers fill it, so that no way of dropping a
-- name, by a statement or by a cascade, can forget it.
create table gc (
    content_id blob primary key,
    not_before integer,                      -- null: dropped since the collector looked last
    doomed     integer not null default 0    -- 1: its rows are gone, and so may its blob be at any moment
) without rowid;
create index gc_by_time on gc (not_before);

create trigger node_drops_content after delete on node when old.content_id is not null
begin
    insert into gc (content_id) values (old.content_id)
    on conflict (content_id) do update set not_before = null where doomed = 0;
end;

create trigger node_changes_content after update of content_id on node
when old.content_id is not null and old.content_id is not new.content_id
     and not exists (select 1 from revision where content_id = old.content_id)
begin
    insert into gc (content_id) values (old.content_id)
    on conflict (content_id) do update set not_before = null where doomed = 0;
end;

create trigger revision_drops_content after delete on revision
begin
    insert into gc (content_id) values (old.content_id)
    on conflict (content_id) do update set not_before = null where doomed = 0;
end;

create trigger revision_changes_content after update of content_id on revision
when old.content_id is not new.content_id
begin
    insert into gc (content_id) values (old.content_id)
    on conflict (content_id) do update set not_before = null where doomed = 0;
end;

-- A blob that was doomed as the rest of an upload may be gone already.
create trigger content_is_not_collected before insert on content
when exists (select 1 from gc where content_id = new.id and doomed = 1)
begin
    select raise(abort, 'the content has been collected: its upload took too long');
end;

insert into gc (content_id)
select id from content
where not exists (select 1 from node where node.content_id = content.id)
  and not exists (select 1 from revision where revision.content_id = content.id);

-- Rows that contradicted others and were moved out of the way by a repair.
create table aside (
    id   integer primary key autoincrement,
    at   integer not null,
    what text not null,                      -- its table
    was  text not null                       -- JSON
);

-- Contents whose bytes are not what was stored.
create table damage (
    content_id blob primary key,
    found_at   integer not null,
    what       text not null
) without rowid;

-- The hashes of a content's chunks, nodes of the tree whose root is its BLAKE3 hash; so many in one row that the others need
-- not be read for a part of the content. None for contents of one chunk.
create table content_sums (
    content_id blob not null references content (id) on delete cascade,
    part       integer not null,
    sums       blob not null,
    primary key (content_id, part)
);
