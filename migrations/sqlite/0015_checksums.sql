-- Checksums of whole contents as clients sent them along and the bytes proved them right: `SHA1:...`.
create table content_checksum (
    content_id blob primary key references content (id) on delete cascade,
    checksum   text not null
) without rowid;
