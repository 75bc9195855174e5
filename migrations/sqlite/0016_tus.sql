-- Uploads of which the file is told before its bytes come (tus): what is kept of each besides its pieces.
create table upload_file (
    upload_id integer primary key references upload (id) on delete cascade,
    size      integer not null,             -- bytes that the file will have
    path      text not null,                -- where it will be: the path of its URL, as its person sees it
    terms     text not null,                -- what else counts when it is made, as JSON
    told      text not null,                -- what the client told of it, in its own words
    made      integer not null              -- 1: the file is made
) without rowid;
