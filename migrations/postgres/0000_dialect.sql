-- What SQLite has by itself and the statements use: a list of ids as JSON, taken apart; bytes as digits and back.
-- And the numbers by which every node knows which of what it keeps in memory is still true.
-- The other files make the same tables as those of the same names in ../sqlite; a test compares them.

create function json_ids(list text) returns table (value bigint) language sql immutable strict as
$$ select json_array_elements_text(list::json)::bigint $$;

create function json_texts(list text) returns table (value text) language sql immutable strict as
$$ select json_array_elements_text(list::json) $$;

create function hex(bytes bytea) returns text language sql immutable as $$ select coalesce(upper(encode(bytes, 'hex')), '') $$;

create function unhex(digits text) returns bytea language sql immutable strict as $$ select decode(digits, 'hex') $$;

create sequence epoch_at;
create table epoch (
    share_id bigint primary key,   -- 0: people, groups, shares and subscriptions
    n        bigint not null,      -- grows with each commit that touches it
    at       bigint not null       -- the order of these commits
);
create index epoch_by_at on epoch (at);
