-- Uploads of which the file is told before its bytes come (tus): what is kept of each besides its pieces.
create table upload_file (
    upload_id bigint primary key references upload (id) on delete cascade,
    size      bigint not null,              -- bytes that the file will have
    path      text collate "C" not null,    -- where it will be: the path of its URL, as its person sees it
    terms     text collate "C" not null,    -- what else counts when it is made, as JSON
    told      text collate "C" not null,    -- what the client told of it, in its own words
    made      bigint not null               -- 1: the file is made
);
