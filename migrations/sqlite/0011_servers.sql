-- What the servers of a site know of each other.

-- Which of them run. A row that nobody renews is of one that is gone.
create table server (
    name       text primary key,   -- as configured, or host and process
    version    text not null,
    migration  integer not null,   -- the newest change of the schema that it knows
    address    text not null,
    started_at integer not null,
    seen_at    integer not null
) without rowid;

-- Wrong passwords, counted by all servers together, and where owners have logged in.
create table guess (
    about blob primary key,        -- a hash: of what kind it is, the account, the network
    tat   integer not null         -- a counter: when it will be empty again; a familiar network: until when it is
) without rowid;
create index guess_by_tat on guess (tat);
