-- A Vorgang: all messages of one person and one Verfahren, and the duties that they open.

-- The facts of a message (json), encrypted: needed to decide once more on release, assignment and forward.
alter table message add column facts bytea;
-- The signed entity as its sender signed it, where it came so: a forward carries it.
alter table message add column signed_content text;
-- When it was noticed that nobody had collected an inbox entry in time.
alter table delivery add column alarmed bigint;
create index delivery_uncollected on delivery (changed) where weg = 'abruf' and status = 'uebergeben' and alarmed is null;
create index delivery_alarmed on delivery (alarmed) where alarmed is not null;

create table vorgang (
    id text primary key,                -- random: it tells no time at which something arrived (Nr. 1)
    created bigint not null,
    changed bigint not null
);

-- Every (authority, Aktenzeichen) that a message names.
create table message_mark (
    message_id text not null references message (id),
    authority text not null,
    aktenzeichen_index text not null,   -- keyed hash, never plain
    aktenzeichen bytea not null,        -- encrypted, to show it to whoever may see the message
    primary key (message_id, authority, aktenzeichen_index)
);
create index message_mark_by_aktenzeichen on message_mark (aktenzeichen_index, authority);

-- What a message must share to belong to a Vorgang: the AZR-Nummer and one (authority, Aktenzeichen).
-- A withheld notice (Nr. 1) brings none: it joins, but nothing joins by it.
create table vorgang_mark (
    azr_index text not null,            -- keyed hash, never plain
    authority text not null,
    aktenzeichen_index text not null,   -- keyed hash, never plain
    vorgang_id text not null references vorgang (id),
    created bigint not null
);
create unique index vorgang_mark_identity on vorgang_mark (azr_index, authority, aktenzeichen_index);
create index vorgang_mark_of_vorgang on vorgang_mark (vorgang_id);

-- The marks of withheld notices that match no Vorgang yet: their sender's own next withheld one joins by them, and
-- whatever starts a Vorgang with one of them takes them in.
create table withheld_mark (
    azr_index text not null,
    authority text not null,
    aktenzeichen_index text not null,
    absender text not null,
    vorgang_id text not null
);
create unique index withheld_mark_identity on withheld_mark (azr_index, authority, aktenzeichen_index, absender);
create index withheld_mark_of_vorgang on withheld_mark (vorgang_id);

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
    remind_on text,                     -- ISO day; null once that has happened
    reminded bigint,
    done bigint,
    done_by text                        -- the message that fulfilled it
);
create unique index duty_identity on duty (message_id, nummer, pflichtig);
create index duty_of_vorgang on duty (vorgang_id, nummer);
create index duty_open on duty (faellig_am, id) where done is null;
create index duty_unreminded on duty (remind_on, id) where done is null and remind_on is not null;

-- To whom a notice came beside its own deliveries: by a forward, or because an operator named one recipient more.
-- One row an authority, so that nobody gets the same notice twice by forwarding, whoever forwards at the same moment.
create table forward_target (
    original_id text not null references message (id),
    empfaenger text not null,
    message_id text not null
);
create unique index forward_target_identity on forward_target (original_id, empfaenger);
create index forward_target_of_message on forward_target (message_id);

-- What of a placed message still needs a person: a recipient that no rule could place (2a.5), or a forward for which
-- nobody in NRW is competent (2a.7).
create table clearing (
    id text primary key,
    message_id text not null references message (id),
    nummer text not null,
    empfaenger text,                    -- the authority that was named and cannot be one
    forwarder text,                     -- who wants to forward
    received_as text,                   -- the message by which the forwarder had it
    grund bytea,                        -- the forwarder's reason, encrypted
    text text not null,
    opened bigint not null,
    done bigint
);
create index clearing_of_message on clearing (message_id, id);
create index clearing_open on clearing (opened, id) where done is null;
create unique index clearing_forward on clearing (message_id) where forwarder is not null and done is null;

-- An Ersuchen that went on to a Dezernat within the Staatsanwaltschaft that had it (2.5 Satz 3 and 4).
create table dezernat (
    id text primary key,
    message_id text not null references message (id),
    authority text not null,
    dezernat bytea not null,            -- encrypted: it may name a person
    at bigint not null
);
create index dezernat_of_message on dezernat (message_id, id);
