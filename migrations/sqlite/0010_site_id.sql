-- What tells a site from others where several may keep their contents: the part of a bucket that is its own.

insert into site (key, value) values ('id', lower(hex(randomblob(16))));
