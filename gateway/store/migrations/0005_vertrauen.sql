-- Revocation: what the addresses said that registered certificates name, fetched ahead of time.
create table revocation_answer (
    id text primary key,            -- SHA-256 of kind, address and, for OCSP, certificate
    art text not null check (art in ('crl', 'ocsp')),
    url text not null,
    body bytea,                     -- null until one came; only authentic ones are kept
    this_update bigint,
    next_update bigint,
    fetched bigint,
    next_fetch bigint not null,     -- not before; moved ahead by whoever fetches now
    failures bigint not null,       -- in a row
    error text                      -- code of the last failure
);
create index revocation_due on revocation_answer (next_fetch);

-- What was told of a certificate already, so that each thing is told once.
create table certificate_notice (
    sha256 text not null,
    grund text not null,
    at bigint not null
);
create unique index certificate_notice_identity on certificate_notice (sha256, grund);
