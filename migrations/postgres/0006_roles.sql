-- Roles that an administrator added. The seven built-in ones are the program's own and stand in no table.

create table role (
    name        text collate "C" not null primary key,  -- as in commands: lower case, never that of a built-in role
    description text collate "C" not null,
    permissions bigint not null,  -- a bit each, in the order of the law's table
    created_at  bigint not null
);
