-- History: since when each state is there and through what it came, where a node lay before, what is being purged.
-- Clients set `modified_at` and `created_at`; nothing here is theirs to set.

alter table node add column made_at integer not null default 0;
alter table node add column written_at integer not null default 0;       -- when a file's present state was saved
alter table node add column revno integer not null default 1;            -- the number of that state, 1 for the first
alter table node add column client text not null default '';             -- through what it was saved, in a few words
alter table node add column pinned integer not null default 0;           -- 1: no rule trims that state
alter table node add column label text not null default '';              -- what people call it

alter table revision add column written_at integer not null default 0;   -- these are as they were in `node`
alter table revision add column revno integer not null default 0;
alter table revision add column client text not null default '';
alter table revision add column pinned integer not null default 0;
alter table revision add column label text not null default '';

update node set made_at = created_at,
    written_at = coalesce((select max(kept_at) from revision where revision.node_id = node.id), created_at),
    revno = 1 + (select count(*) from revision where revision.node_id = node.id);
update revision set
    revno = (select count(*) from revision r where r.node_id = revision.node_id and r.id <= revision.id),
    written_at = coalesce((select max(r.kept_at) from revision r where r.node_id = revision.node_id and r.id < revision.id),
                          (select node.made_at from node where node.id = revision.node_id));
create unique index revision_by_number on revision (node_id, revno);
drop index revision_by_node;

-- Where a node lay until it was moved, renamed, deleted or restored. Its place at a time is in the first row after that
-- time; if there is none, it still lies there.
create table place (
    id        integer primary key autoincrement,
    node_id   integer not null references node (id) on delete cascade,
    share_id  integer not null,
    parent_id integer not null,
    name      text not null,
    name_key  text not null,                 -- '': from before this table, and not known
    left_at   integer not null
);
create index place_by_node on place (node_id, left_at);
create index place_by_share on place (share_id, left_at);
insert into place (node_id, share_id, parent_id, name, name_key, left_at)
select node_id, share_id, parent_id, name, '', deleted_at from trash;

alter table trash add column path text not null default '';              -- the names above it, in case they go too
alter table trash add column version integer not null default 0;         -- grows when something of it is trimmed or taken out

-- The topmost nodes of trees that no share leads to: what is being purged, and copies in the making.
create table detached (
    node_id    integer primary key references node (id) on delete cascade,
    not_before integer not null              -- when it may be purged; a copy is done or given up until then
);
create index detached_by_time on detached (not_before);
