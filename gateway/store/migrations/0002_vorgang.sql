-- A Vorgang: all messages of one person and one Verfahren, and the duties that they open.

-- The facts of a message (json), encrypted: needed to decide once more on release, assignment and forward.
alter table message add column facts bytea;

create table vorgang (
    id text primary key,
    created bigint not null,
    changed bigint not null
);

-- What a message must share to belong to a Vorgang: the AZR-Nummer and one (authority, Aktenzeichen).
create table vorgang_mark (
    azr_index text not null,            -- keyed hash, never plain
    authority text not null,
    aktenzeichen_index text not null,   -- keyed hash, never plain
    vorgang_id text not null references vorgang (id),
    message_id text not null,           -- the message that brought it: who may not see that, does not see this
    aktenzeichen bytea not null,        -- encrypted, to show it
    created bigint not null
);
create unique index vorgang_mark_identity on vorgang_mark (azr_index, authority, aktenzeichen_index);
create index vorgang_mark_of_vorgang on vorgang_mark (vorgang_id);
create index vorgang_mark_by_aktenzeichen on vorgang_mark (aktenzeichen_index, authority);

create table vorgang_message (
    message_id text primary key references message (id),
    vorgang_id text not null references vorgang (id),
    at bigint not null
);
create index vorgang_message_of_vorgang on vorgang_message (vorgang_id, at, message_id);

-- A duty that a message opened, until another message fulfils it.
create table duty (
    id text primary key,
    vorgang_id text not null references vorgang (id),
    message_id text not null references message (id),
    nummer text not null,
    pflichtig text not null,
    faellig_am text not null,           -- ISO day; of what is due at once, the day it opened
    text text not null,
    opened bigint not null,
    done bigint,
    done_by text,                       -- the message that fulfilled it
    reminded bigint
);
create unique index duty_identity on duty (message_id, nummer, pflichtig);
create index duty_of_vorgang on duty (vorgang_id, nummer);
create index duty_open on duty (faellig_am, id) where done is null;
create index duty_unreminded on duty (faellig_am, id) where done is null and reminded is null;
create index duty_open_of on duty (pflichtig, faellig_am, id) where done is null;
