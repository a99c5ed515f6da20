-- People: accounts of the pages, their sessions, and their looks at content.

create table person (
    id text primary key,
    name text not null,
    rollen text not null,           -- json
    behoerden text not null,        -- json; empty: the gateway's own staff
    password text not null,         -- Argon2id in PHC form
    totp bytea not null,            -- secret of the one-time codes, encrypted
    totp_step bigint not null,      -- last time step that was used: no code counts twice
    failures bigint not null,       -- in a row
    blocked_until bigint not null,
    created bigint not null,
    changed bigint not null,
    disabled bigint
);
create unique index person_name on person (name);

create table person_session (
    id text primary key,            -- SHA-256 of the token that the browser keeps
    person_id text not null references person (id),
    created bigint not null,
    seen bigint not null
);
create index person_session_of_person on person_session (person_id);
create index person_session_by_age on person_session (created);

-- One person's wish to see the content of one message, and who agreed.
create table look (
    id text primary key,
    message_id text not null references message (id),
    person_id text not null,
    grund bytea not null,           -- encrypted
    asked bigint not null,
    agreed bigint,                  -- null: waits for a second person
    agreed_by text
);
create index look_of_message on look (message_id, id);
create index look_of_person on look (person_id, id);
create index look_open on look (asked) where agreed is null;
