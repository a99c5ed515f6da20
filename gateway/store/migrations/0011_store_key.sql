-- Keys of the store, wrapped by a key of the configuration (KEK), and the content that was deleted when its time was over.

-- A change of the configuration's key rewraps these few rows; indexes and contents stay as they are.
create table store_key (
    id text primary key,
    zweck text not null check (zweck in ('inhalt', 'index_aktenzeichen', 'index_azr_nummer', 'text')),
    nummer bigint not null,         -- of the keys for `inhalt`, the highest protects what is new
    kek text not null,              -- id of the KEK that wraps it
    wrapped bytea not null,
    created bigint not null
);
create unique index store_key_identity on store_key (zweck, nummer);

-- The key of the store that wraps a content's key; null: the configuration's key itself, as before.
alter table content add column key_id text references store_key (id);
-- When its key was destroyed; its chunks go after that, some at a time.
alter table content add column purged bigint;
create index content_purged on content (purged) where purged is not null;

-- When the content of a message was deleted; digests, decisions and evidence stay.
alter table message add column purged bigint;
create index message_unpurged on message (geaendert, id)
    where purged is null and status in ('zugestellt', 'teilweise', 'gescheitert', 'storniert', 'entbehrlich');
-- A content may be a part of several messages: a forward carries the original's.
create index part_of_content on part (content_id);
create index inbound_refused on inbound (received) where status = 'abgelehnt';

-- Messages whose content stays until an operator says otherwise.
create table retention_hold (
    message_id text primary key references message (id),
    since bigint not null
);

-- What happens once a day, whichever gateway does it.
create table daily (
    name text primary key,
    day text not null
);
