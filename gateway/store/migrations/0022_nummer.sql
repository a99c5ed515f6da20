-- The column is never null, and SQLite does not see that a condition which says so holds: it walked the whole window.
drop index message_by_nummer;
create index message_by_nummer on message (nummer, eingang, id);
