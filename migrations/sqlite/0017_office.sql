-- URLs by which one person opens the documents of one folder without a login, for a while. Share and folder are only ids: a URL whose folder is
-- gone opens nothing.
create table office_url (
    id         integer primary key autoincrement,
    token      blob not null unique,        -- a hash of it
    user_id    integer not null references user (id) on delete cascade,
    device_id  integer references device (id) on delete cascade,   -- through which; none: as a mapped drive
    share_id   integer not null,
    folder_id  integer not null,            -- with everything below it
    file_id    integer not null,            -- the document that it was made for
    reading    integer not null,            -- nothing is changed by it
    created_at integer not null,
    expires_at integer not null             -- the end that it was given, or when it was revoked
);
create index office_url_by_user on office_url (user_id, expires_at);
create index office_url_by_device on office_url (device_id);
create index office_url_by_expiry on office_url (expires_at);
