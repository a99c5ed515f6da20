-- What needs a person and is told by mail or webhook: one open alarm for each condition, whichever gateway saw it first,
-- and what is to be told of it, each address once.
create table alarm (
    id text primary key,
    art text not null,
    gegenstand text not null,
    zahl bigint not null,
    angaben text not null,          -- json
    begonnen bigint not null,
    gesehen bigint not null,        -- when it was last so
    gemeldet bigint not null,       -- when it was last told
    beendet bigint
);
create unique index alarm_open on alarm (art, gegenstand) where beendet is null;

create table alarm_notice (
    id text primary key,
    alarm_id text not null references alarm (id),
    anlass text not null check (anlass in ('neu', 'wiederholt', 'erledigt')),
    kanal text not null,            -- mail:ADDRESS or webhook
    body text not null,             -- json, as it was when it was told
    created bigint not null,
    attempts bigint not null,
    next_at bigint not null,
    lease_until bigint,
    sent bigint                     -- null: not yet; 0: given up
);
create index alarm_notice_due on alarm_notice (next_at) where sent is null;

-- Failures of the last hours are looked for by time.
create index delivery_failed on delivery (changed) where status in ('gescheitert', 'abgelehnt');
