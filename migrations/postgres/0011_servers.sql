-- What the servers of a site know of each other.

-- Which of them run. A row that nobody renews is of one that is gone.
create table server (
    name       text collate "C" primary key,   -- as configured, or host and process
    version    text collate "C" not null,
    migration  bigint not null,   -- the newest change of the schema that it knows
    address    text collate "C" not null,
    started_at bigint not null,
    seen_at    bigint not null
);

-- Wrong passwords, counted by all servers together, and where owners have logged in.
create table guess (
    about bytea primary key,       -- a hash: of what kind it is, the account, the network
    tat   bigint not null          -- a counter: when it will be empty again; a familiar network: until when it is
);
create index guess_by_tat on guess (tat);
