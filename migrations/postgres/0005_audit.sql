-- The audit: who did what, when and with which outcome. Records are only ever added, each sealed by a hash over its
-- contents and the hash before it, so that none can be altered, taken out or put in without a trace.

create table audit (
    seq      bigint primary key,  -- 1, 2, 3 and so on, without gaps
    at       bigint not null,
    latest   bigint not null,  -- the largest `at` up to here, so that a search by time can begin in the middle
    outcome  bigint not null,  -- 0 done; 1 denied by the law; 2 refused for another reason
    verb     text collate "C" not null,
    actor_id bigint,  -- null: nobody with an account
    actor    text collate "C" not null,  -- the name as it was
    channel  text collate "C" not null,
    device   text collate "C",
    address  text collate "C",
    agent    text collate "C",
    request  text collate "C",
    share_id bigint,
    node_id  bigint,
    path     text collate "C",
    target   text collate "C",  -- the destination of a COPY or MOVE
    status   bigint,
    bytes    bigint,
    times    bigint not null,  -- so many of the same kind at once
    note     text collate "C",  -- of a denial the rule
    hash     bytea not null  -- BLAKE3
);

-- Up to where old records were removed, and the hash of the last of them. One row, or none.
create table audit_stump (
    id   bigint primary key check (id = 1),
    seq  bigint not null,
    hash bytea not null
);

create function audit_is_never_updated() returns trigger language plpgsql as $$
begin
    raise exception 'a record of the audit is never changed';
end $$;
create trigger audit_is_never_updated before update on audit for each row execute function audit_is_never_updated();

create function audit_is_only_cut_at_the_stump() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from audit_stump where audit_stump.seq >= old.seq) then
        raise exception 'a record of the audit is only removed when its time is over';
    end if;
    return old;
end $$;
create trigger audit_is_only_cut_at_the_stump before delete on audit
for each row execute function audit_is_only_cut_at_the_stump();
