-- Policies with a value that a share has of its own; what it doesn't say, its organization does (org_policy).

create table share_policy (
    share_id integer not null references share (id) on delete cascade,
    name     text not null,
    value    text not null,
    primary key (share_id, name)
) without rowid;
