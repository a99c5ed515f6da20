-- The log: every event gets a leaf of a Merkle tree, and every state of the tree a signature.

-- Given by the sealer, after the event is there: never by id, for a late commit would be skipped.
alter table event add column leaf bigint;
-- Random, part of the leaf: its hash, which others see in a proof, tells nothing.
alter table event add column salt bytea;
create unique index event_leaf on event (leaf) where leaf is not null;
create index event_unsealed on event (id) where leaf is null;

-- The lock: one sealer at a time holds the lease, and what it writes counts only from the size that it began with.
create table log_head (
    id text primary key check (id = 'log'),
    size bigint not null,
    owner text,
    lease_until bigint not null
);
insert into log_head (id, size, owner, lease_until) values ('log', 0, null, 0);

-- Hashes of the tree, 256 a row; level 0 are leaves, above are roots of full tiles below.
create table log_tile (
    level bigint not null,
    n bigint not null,
    hashes bytea not null,
    primary key (level, n)
);

create table log_checkpoint (
    size bigint primary key,
    at bigint not null,
    note text not null,             -- the signed text
    signature bytea not null,       -- CMS, detached, DER
    certificate text not null       -- SHA-256 of the signer's certificate
);

-- Certificates and revocation answers by which something was judged: by their own digest, each once.
create table proof (
    sha256 text primary key,
    art text not null check (art in ('zertifikat', 'crl', 'ocsp')),
    body bytea not null,            -- DER
    first_used bigint not null
);

-- What the judgement of a receipt rested on.
create table receipt_proof (
    receipt_id text not null,
    sha256 text not null,
    primary key (receipt_id, sha256)
);
create index receipt_proof_of_object on receipt_proof (sha256);
