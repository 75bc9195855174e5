-- What the server does by itself, and what it finds out about contents: which of them nothing names any more, which are
-- damaged, and the hashes by which a part of one is checked without the rest.

-- A row a job. It is run by one server at a time: whoever has claimed it, until its lease is over.
create table job (
    name        text collate "C" primary key,
    next_at     bigint not null,
    claimed_by  text collate "C",            -- null: nobody runs it
    lease_until bigint,
    started_at  bigint,
    ended_at    bigint,
    outcome     text collate "C",            -- what the last run did, or why it failed
    failed      bigint not null default 0,
    progress    text collate "C"             -- where a run that was broken off goes on
);

-- Contents that nothing may name any more, until the collector has looked. Triggers fill it, so that no way of dropping a
-- name, by a statement or by a cascade, can forget it.
create table gc (
    content_id bytea primary key,
    not_before bigint,                       -- null: dropped since the collector looked last
    doomed     bigint not null default 0     -- 1: its rows are gone, and so may its blob be at any moment
);
create index gc_by_time on gc (not_before);

create function content_is_dropped() returns trigger language plpgsql as $$
begin
    insert into gc (content_id) values (old.content_id)
    on conflict (content_id) do update set not_before = null where gc.doomed = 0;
    return null;
end $$;

create function content_may_be_dropped() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from revision where content_id = old.content_id) then
        insert into gc (content_id) values (old.content_id)
        on conflict (content_id) do update set not_before = null where gc.doomed = 0;
    end if;
    return null;
end $$;

create trigger node_drops_content after delete on node
for each row when (old.content_id is not null) execute function content_is_dropped();

create trigger node_changes_content after update of content_id on node
for each row when (old.content_id is not null and old.content_id is distinct from new.content_id)
execute function content_may_be_dropped();

create trigger revision_drops_content after delete on revision
for each row execute function content_is_dropped();

create trigger revision_changes_content after update of content_id on revision
for each row when (old.content_id is distinct from new.content_id) execute function content_is_dropped();

-- A blob that was doomed as the rest of an upload may be gone already.
create function content_is_not_collected() returns trigger language plpgsql as $$
begin
    if exists (select 1 from gc where content_id = new.id and doomed = 1) then
        raise exception 'the content has been collected: its upload took too long';
    end if;
    return new;
end $$;
create trigger content_is_not_collected before insert on content
for each row execute function content_is_not_collected();

insert into gc (content_id)
select id from content
where not exists (select 1 from node where node.content_id = content.id)
  and not exists (select 1 from revision where revision.content_id = content.id);

-- Contents whose bytes are not what was stored.
create table damage (
    content_id bytea primary key,
    found_at   bigint not null,
    what       text collate "C" not null
);

-- The hashes of a content's chunks, nodes of the tree whose root is its BLAKE3 hash; so many in one row that the others need
-- not be read for a part of the content. None for contents of one chunk.
create table content_sums (
    content_id bytea not null references content (id) on delete cascade,
    part       bigint not null,
    sums       bytea not null,
    primary key (content_id, part)
);
