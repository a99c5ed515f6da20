-- What has not arrived, by whom it concerns: few rows, whatever the store holds.
create index message_open_of_sender on message (absender, status, eingang, id) where status <> 'zugestellt';
create index delivery_open_of_recipient on delivery (empfaenger) where status <> 'zugestellt';
-- What may be deleted one day, by when it ended. Without the status, which made SQLite prefer another index.
drop index message_unpurged;
create index message_unpurged on message (geaendert, id) where purged is null;
