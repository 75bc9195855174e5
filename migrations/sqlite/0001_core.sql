-- The core of a site: who there is, what is shared with whom, the tree, its contents and its history.
-- A shipped migration is never edited. Times are milliseconds since 1970-01-01 UTC, sizes bytes.
-- `name` is kept as sent; `name_key` is its NFC, case-folded form and is what makes a name unique.

create table site (
    key   text primary key,
    value text not null
) without rowid;

create table organization (
    id         integer primary key autoincrement,
    name       text not null,
    name_key   text not null unique,
    active     integer not null default 1,
    created_at integer not null
);

create table user (
    id            integer primary key autoincrement,
    org_id        integer not null references organization (id),
    name          text not null,
    name_key      text not null unique,
    display       text not null default '',
    email         text not null default '',
    guest         integer not null default 0,
    admin         integer not null default 0,   -- system administrator
    enabled       integer not null default 1,
    password_hash text,                         -- argon2id, PHC string; null: no human password
    generation    integer not null default 0,   -- grows with every change of a credential
    created_at    integer not null
);

create table app_password (
    id          text primary key,               -- the public half of the credential
    user_id     integer not null references user (id) on delete cascade,
    label       text not null,
    secret_hash blob not null,                  -- sha-256 of the secret half
    created_at  integer not null,
    unique (user_id, label)
) without rowid;

create table user_group (
    id         integer primary key autoincrement,
    org_id     integer not null references organization (id),
    name       text not null,
    name_key   text not null,
    created_at integer not null,
    unique (org_id, name_key)
);

create table group_user (
    group_id integer not null references user_group (id) on delete cascade,
    user_id  integer not null references user (id) on delete cascade,
    primary key (group_id, user_id)
) without rowid;
create index group_user_by_user on group_user (user_id);

create table group_group (
    group_id  integer not null references user_group (id) on delete cascade,
    member_id integer not null references user_group (id) on delete cascade,
    primary key (group_id, member_id)
) without rowid;
create index group_group_by_member on group_group (member_id);

create table share (
    id          integer primary key autoincrement,
    org_id      integer not null references organization (id),
    name        text not null,
    name_key    text not null unique,
    description text not null default '',
    active      integer not null default 1,
    root_id     integer not null,
    trash_id    integer not null,
    seq         integer not null default 0,     -- of the share's last change
    used_bytes  integer not null default 0,     -- live files, revisions and trash together
    quota_bytes integer,                        -- null: unlimited
    created_at  integer not null
);

create table subscription (
    id         integer primary key autoincrement,
    share_id   integer not null references share (id) on delete cascade,
    user_id    integer references user (id) on delete cascade,
    group_id   integer references user_group (id) on delete cascade,
    role       text not null,
    created_at integer not null,
    check ((user_id is null) <> (group_id is null))
);
create unique index subscription_of_user on subscription (share_id, user_id) where user_id is not null;
create unique index subscription_of_group on subscription (share_id, group_id) where group_id is not null;
create index subscription_by_user on subscription (user_id) where user_id is not null;
create index subscription_by_group on subscription (group_id) where group_id is not null;

-- A content: bytes that never change, named by a fresh id, so that a reader can never meet another version under it.
create table content (
    id         blob primary key,                -- uuid v7; also the ETag
    size       integer not null,
    hash       blob not null,                   -- BLAKE3
    inline     integer not null,                -- 1: the bytes are in content_inline; 0: in the blob store under this id
    created_at integer not null
) without rowid;

-- Apart from `content`, so that no listing or scan ever reads over the bytes.
create table content_inline (
    content_id blob primary key,
    bytes      blob not null
);

create table node (
    id          integer primary key autoincrement,   -- never reused: locks, links and grants hang off it
    share_id    integer not null,
    parent_id   integer,                             -- null: the root or the trash of a share
    name        text not null,
    name_key    text not null,
    kind        integer not null,                    -- 0 collection, 1 file
    content_id  blob,                                -- of a file
    size        integer not null default 0,
    modified_at integer not null,
    created_at  integer not null,
    seq         integer not null,                    -- of the last change of it or, for a collection, of anything below
    author_id   integer,                             -- who wrote the present state
    lease_user  integer,                             -- creation lease: who may still write, and until when
    lease_until integer,
    has_props   integer not null default 0,          -- 1: rows in prop
    unique (parent_id, name_key)
);
create index node_by_share on node (share_id, id);
create index node_by_content on node (content_id) where content_id is not null;

create table prop (
    node_id integer not null references node (id) on delete cascade,
    ns      text not null,
    name    text not null,
    value   text not null,                           -- the property element's content, self-contained XML
    lang    text not null default '',
    primary key (node_id, ns, name)
) without rowid;

-- What a file was before its present state.
create table revision (
    id          integer primary key autoincrement,
    node_id     integer not null references node (id) on delete cascade,
    seq         integer not null,                    -- the share's, when that state was written
    content_id  blob not null,
    size        integer not null,
    modified_at integer not null,
    author_id   integer,
    kept_at     integer not null
);
create index revision_by_node on revision (node_id);
create index revision_by_content on revision (content_id);

create table trash (
    node_id    integer primary key references node (id) on delete cascade,
    share_id   integer not null,
    parent_id  integer not null,                     -- where it was
    name       text not null,
    deleted_by integer not null,
    deleted_at integer not null
);
create index trash_by_share on trash (share_id, deleted_at);

create table change (
    share_id  integer not null,
    seq       integer not null,
    op        integer not null,                      -- see tree::journal
    node_id   integer not null,
    parent_id integer,
    name      text not null,
    actor_id  integer not null,
    at        integer not null,
    primary key (share_id, seq)
) without rowid;
