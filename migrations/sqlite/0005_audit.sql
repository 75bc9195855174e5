-- The audit: who did what, when and with which outcome. Records are only ever added, each sealed by a hash over its
-- contents and the hash before it, so that none can be altered, taken out or put in without a trace.

create table audit (
    seq      integer primary key,      -- 1, 2, 3 and so on, without gaps
    at       integer not null,
    latest   integer not null,         -- the largest `at` up to here, so that a search by time can begin in the middle
    outcome  integer not null,         -- 0 done; 1 denied by the law; 2 refused for another reason
    verb     text not null,
    actor_id integer,                  -- null: nobody with an account
    actor    text not null,            -- the name as it was
    channel  text not null,
    device   text,
    address  text,
    agent    text,
    request  text,
    share_id integer,
    node_id  integer,
    path     text,
    target   text,                     -- the destination of a COPY or MOVE
    status   integer,
    bytes    integer,
    times    integer not null,         -- so many of the same kind at once
    note     text,                     -- of a denial the rule
    hash     blob not null             -- BLAKE3
);

-- Up to where old records were removed, and the hash of the last of them. One row, or none.
create table audit_stump (
    id   integer primary key check (id = 1),
    seq  integer not null,
    hash blob not null
);

create trigger audit_is_never_updated before update on audit
begin
    select raise(abort, 'a record of the audit is never changed');
end;

create trigger audit_is_only_cut_at_the_stump before delete on audit
when not exists (select 1 from audit_stump where audit_stump.seq >= old.seq)
begin
    select raise(abort, 'a record of the audit is only removed when its time is over');
end;
