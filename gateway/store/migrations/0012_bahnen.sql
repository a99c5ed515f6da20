-- What is known of a partner's lane beyond its deliveries; a lane without a row is healthy.
create table lane (
    partner_id text primary key,
    state text not null check (state in ('frei', 'unterbrochen', 'probe')),
    failures bigint not null,       -- in a row, that concern the partner
    pauses bigint not null,         -- since the last success
    until bigint not null,          -- stopped, or being probed: not before
    changed bigint not null,
    held_at bigint,                 -- an operator holds it
    held_by text,
    held_reason text
);
