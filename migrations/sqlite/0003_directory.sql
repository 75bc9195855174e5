-- The directory of a real organization: a tree of organizations with limits and policies, departments, built-in groups,
-- registered devices, and the kinds of shares with their departments, owners and channels.

alter table organization add column parent_id integer references organization (id);
alter table organization add column quota_bytes integer;         -- of its shares and those below together; null: unlimited
alter table organization add column users_max integer;           -- enabled users of its own; null: unlimited
alter table organization add column open integer not null default 1;  -- 1: active, and so is everything above it
create index organization_by_parent on organization (parent_id) where parent_id is not null;
create index organization_with_quota on organization (id) where quota_bytes is not null;
update organization set open = active;

create table org_policy (
    org_id integer not null references organization (id) on delete cascade,
    name   text not null,
    value  text not null,
    primary key (org_id, name)
) without rowid;

create table department (
    id         integer primary key autoincrement,
    org_id     integer not null references organization (id),
    parent_id  integer references department (id),
    name       text not null,
    name_key   text not null,
    path       text not null,   -- the names from the top, with slashes: what people call it
    created_at integer not null
);
create unique index department_by_name on department (org_id, coalesce(parent_id, 0), name_key);
create index department_by_parent on department (parent_id) where parent_id is not null;

create table department_user (
    department_id integer not null references department (id) on delete cascade,
    user_id       integer not null references user (id) on delete cascade,
    primary key (department_id, user_id)
) without rowid;
create index department_user_by_user on department_user (user_id);

-- A group of a department is named in it: its name_key is the department's id, a slash, and the folded name; no name of
-- a group has a slash, so that the unique (org_id, name_key) keeps both kinds apart.
alter table user_group add column department_id integer references department (id) on delete cascade;
alter table user_group add column builtin integer not null default 0;  -- 1 All Users: computed; 2 Administrators: stored
create index user_group_by_department on user_group (department_id) where department_id is not null;
create unique index user_group_builtin on user_group (org_id, coalesce(department_id, 0), builtin) where builtin > 0;

-- Groups that happen to have the name of a built-in one keep members and subscriptions under a name of their own.
update user_group set name = name || ' (' || id || ')', name_key = name_key || ' (' || id || ')'
where name_key in ('all users', 'administrators');
insert into user_group (org_id, name, name_key, builtin, created_at)
select id, 'All Users', 'all users', 1, created_at from organization order by id;
insert into user_group (org_id, name, name_key, builtin, created_at)
select id, 'Administrators', 'administrators', 2, created_at from organization order by id;

-- A removed user keeps the row, since history names it. The name_key is '/removed/' and the id once the name is free again.
alter table user add column removed integer not null default 0;
create index user_by_org on user (org_id);

-- A registered machine. Ids grow, so that "registered later" is a comparison.
create table device (
    id         integer primary key autoincrement,
    user_id    integer not null references user (id) on delete cascade,
    name       text not null,
    name_key   text not null,
    created_at integer not null,
    unique (user_id, name_key)
);
alter table app_password add column device_id integer references device (id) on delete cascade;
create index app_password_by_device on app_password (device_id) where device_id is not null;

-- A home has its owner's name; its name_key is '/home/' and the owner's id, which no name of a team share can be.
alter table share add column kind integer not null default 0;          -- 0 team share, 1 home, 2 public folder
alter table share add column owner_id integer references user (id);    -- of a home
alter table share add column department_id integer references department (id);
create unique index share_home on share (owner_id) where owner_id is not null;
create index share_by_org on share (org_id);
create index share_by_department on share (department_id) where department_id is not null;

-- Paths of homes begin with these two names; a share that has one keeps everything under another.
update share set name = name || ' (' || id || ')', name_key = name_key || ' (' || id || ')'
where name_key in ('home', 'shared with me');

-- A home for everybody who is there already; guests have none.
insert into share (org_id, name, name_key, kind, owner_id, root_id, trash_id, created_at)
select org_id, name, '/home/' || id, 1, id, 0, 0, created_at from user where guest = 0 order by id;
insert into node (share_id, name, name_key, kind, modified_at, created_at, seq)
select id, '', '', 0, created_at, created_at, 0 from share where kind = 1 order by id;
insert into node (share_id, name, name_key, kind, modified_at, created_at, seq)
select id, '', '', 0, created_at, created_at, 0 from share where kind = 1 order by id;
update share
set root_id = (select min(node.id) from node where node.share_id = share.id and node.parent_id is null),
    trash_id = (select max(node.id) from node where node.share_id = share.id and node.parent_id is null)
where kind = 1;

-- Which channels of a share are open: rules of users and groups. Null: this rule doesn't say.
create table channel_rule (
    id             integer primary key autoincrement,
    share_id       integer not null references share (id) on delete cascade,
    user_id        integer references user (id) on delete cascade,
    group_id       integer references user_group (id) on delete cascade,
    web            integer,
    webdav         integer,
    future_devices integer,
    future_after   integer,   -- the newest device when future_devices was set first: later ones obey it
    check ((user_id is null) <> (group_id is null))
);
create unique index channel_rule_of_user on channel_rule (share_id, user_id) where user_id is not null;
create unique index channel_rule_of_group on channel_rule (share_id, group_id) where group_id is not null;
create index channel_rule_by_user on channel_rule (user_id) where user_id is not null;
create index channel_rule_by_group on channel_rule (group_id) where group_id is not null;

create table device_rule (
    id       integer primary key autoincrement,
    share_id integer not null references share (id) on delete cascade,
    user_id  integer references user (id) on delete cascade,
    group_id integer references user_group (id) on delete cascade,
    name     text not null,
    name_key text not null,
    open     integer not null,
    check ((user_id is null) <> (group_id is null))
);
create unique index device_rule_of_user on device_rule (share_id, user_id, name_key) where user_id is not null;
create unique index device_rule_of_group on device_rule (share_id, group_id, name_key) where group_id is not null;
create index device_rule_by_user on device_rule (user_id) where user_id is not null;
create index device_rule_by_group on device_rule (group_id) where group_id is not null;
