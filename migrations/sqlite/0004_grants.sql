-- Who was given or refused what on folders and files, and on everything of somebody.

-- An entry on a node. It hangs off the node: it goes along with a move, and a copy has none.
create table access_grant (
    id         integer primary key autoincrement,
    node_id    integer not null references node (id) on delete cascade,
    user_id    integer references user (id) on delete cascade,
    group_id   integer references user_group (id) on delete cascade,
    deny       integer not null,               -- 0 gives, 1 takes away
    form       integer not null,               -- 0 role, 1 level, 2 permissions
    value      text not null,                  -- the name of the role or level; names of permissions, blanks between them
    created_at integer not null,
    check ((user_id is null) <> (group_id is null))
);
create unique index access_grant_of_user on access_grant (node_id, user_id, deny) where user_id is not null;
create unique index access_grant_of_group on access_grant (node_id, group_id, deny) where group_id is not null;
create index access_grant_by_user on access_grant (user_id) where user_id is not null;
create index access_grant_by_group on access_grant (group_id) where group_id is not null;
create index access_grant_by_role on access_grant (value) where form = 0;

-- 0: the node starts from its own entries alone.
alter table node add column inherits integer not null default 1;
create index node_cut on node (share_id) where inherits = 0;

-- Everything of a user, or of each member of a group, for a user or a group.
create table whole_grant (
    id               integer primary key autoincrement,
    target_user_id   integer references user (id) on delete cascade,
    target_group_id  integer references user_group (id) on delete cascade,
    subject_user_id  integer references user (id) on delete cascade,
    subject_group_id integer references user_group (id) on delete cascade,
    level            text not null,
    created_at       integer not null,
    check ((target_user_id is null) <> (target_group_id is null)),
    check ((subject_user_id is null) <> (subject_group_id is null))
);
create unique index whole_grant_once on whole_grant
    (coalesce(target_user_id, 0), coalesce(target_group_id, 0), coalesce(subject_user_id, 0), coalesce(subject_group_id, 0));
create index whole_grant_by_subject_user on whole_grant (subject_user_id) where subject_user_id is not null;
create index whole_grant_by_subject_group on whole_grant (subject_group_id) where subject_group_id is not null;
create index whole_grant_by_target_user on whole_grant (target_user_id) where target_user_id is not null;
create index whole_grant_by_target_group on whole_grant (target_group_id) where target_group_id is not null;
