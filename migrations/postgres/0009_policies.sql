-- Policies with a value that a share has of its own; what it doesn't say, its organization does (org_policy).

create table share_policy (
    share_id bigint not null references share (id) on delete cascade,
    name     text collate "C" not null,
    value    text collate "C" not null,
    primary key (share_id, name)
);
