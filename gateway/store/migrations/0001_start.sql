-- The first schema. One source for both databases: PostgreSQL's type names, of which SQLite gets its own spelling.
-- Keys are UUIDv7 as text, times are microseconds UTC, json is text. Nothing counts by itself.
-- Unique indexes have names, because the gateway acts on them.

-- A message: accepted from a client (api), from a partner (as2), or made by the gateway (eigen).
create table message (
    id text primary key,
    herkunft text not null check (herkunft in ('api', 'as2', 'eigen')),
    absender text not null,
    eigene_id text not null,
    fremde_id text,
    familie text not null,
    wurzel text not null,
    version text not null,
    nummer text not null,
    anlass text,
    test bigint not null check (test in (0, 1)),
    vorrang bigint not null,
    status text not null,
    entscheidung text,              -- json
    fingerprint text not null,      -- SHA-256 of what makes two posts the same
    answer bytea,                   -- body of the 202, repeated byte for byte
    aktenzeichen_index text,        -- keyed hash, never plain
    azr_index text,                 -- keyed hash, never plain
    gateway_id text,                -- id that the Vermittler gave it, where it came through one
    bezug_id text,                  -- the message that this one forwards or refers to
    eingang bigint not null,
    geaendert bigint not null
);
create unique index message_identity on message (absender, eigene_id);
create index message_by_time on message (eingang, id);
create index message_by_status on message (status, eingang, id);
create index message_by_own_id on message (eigene_id, eingang, id);
create index message_by_aktenzeichen on message (aktenzeichen_index, eingang, id) where aktenzeichen_index is not null;
create index message_by_azr on message (azr_index, eingang, id) where azr_index is not null;
create index message_by_reference on message (bezug_id) where bezug_id is not null;

-- Who may read a message: its sender and whoever it was delivered to. Lists of an authority walk this index.
create table message_reader (
    authority text not null,
    eingang bigint not null,
    message_id text not null references message (id),
    primary key (authority, eingang, message_id)
);

-- Content, in encrypted chunks under a key of its own. `staged` until a message, a delivery or a receipt refers to it.
create table content (
    id text primary key,
    wrapped_key bytea not null,
    bytes bigint not null,
    sha256 text not null,           -- of the plain content
    state text not null check (state in ('staged', 'kept')),
    created bigint not null
);
create index content_staged on content (created) where state = 'staged';

create table chunk (
    content_id text not null references content (id) on delete cascade,
    n bigint not null,
    last bigint not null check (last in (0, 1)),
    data bytea not null,
    primary key (content_id, n)
);

-- Part 0 is the XML, files follow in the order of the XML.
create table part (
    message_id text not null references message (id),
    n bigint not null,
    name text not null,
    media_type text not null,
    sha256 text not null,
    bytes bigint not null,
    content_id text not null,
    primary key (message_id, n)
);

-- One addressee of one message, and its way.
create table delivery (
    id text primary key,
    message_id text not null references message (id),
    empfaenger text not null,
    partner_id text,
    weg text not null check (weg in ('as2', 'mail', 'abruf')),
    status text not null,
    attempts bigint not null,
    vorrang bigint not null,
    created bigint not null,
    changed bigint not null,
    next_at bigint not null,        -- not before
    first_at bigint,                -- first attempt
    deadline_at bigint,             -- a receipt must have come by then
    lease_until bigint,
    lease_owner text,
    wire_id text,                   -- Message-ID on the wire
    mic text,
    mic_alg text,
    wire_headers text,              -- json
    signed_content text,
    sealed_content text,
    last_error text,
    receipt_id text
);
create unique index delivery_addressee on delivery (message_id, empfaenger);
create unique index delivery_wire_id on delivery (wire_id) where wire_id is not null;
-- The lane of a partner: `vorrang` first, then who waits longest.
create index delivery_claim on delivery (partner_id, vorrang desc, next_at, id) where status = 'wartet';
create index delivery_due on delivery (partner_id, next_at) where status = 'wartet';
create index delivery_running on delivery (lease_until) where status = 'laeuft';
create index delivery_deadline on delivery (deadline_at) where status in ('uebergeben', 'quittung_ungueltig');
create index delivery_inbox on delivery (empfaenger, id)
    where weg = 'abruf' and status in ('uebergeben', 'quittung_ungueltig');
create index delivery_stuck on delivery (status, id)
    where status in ('abgelehnt', 'quittung_ungueltig', 'klaerung', 'angehalten', 'gescheitert');

create table attempt (
    id text primary key,
    delivery_id text not null references delivery (id),
    n bigint not null,
    started bigint not null,
    ended bigint not null,
    outcome text not null,
    detail text
);
create unique index attempt_number on attempt (delivery_id, n);

create table receipt (
    id text primary key,
    delivery_id text not null references delivery (id),
    art text not null check (art in ('mdn', 'ack')),
    step text not null,             -- what it did to the delivery
    reason text,
    raw_content text not null,
    at bigint not null
);
create index receipt_of_delivery on receipt (delivery_id, id);

-- What happened: append only, without personal data. Refers to rows that may be gone, hence no foreign keys.
create table event (
    id text primary key,
    at bigint not null,
    art text not null,
    message_id text,
    delivery_id text,
    akteur text not null,
    detail text                     -- json
);
create index event_of_message on event (message_id, id) where message_id is not null;
create index event_of_art on event (art, id);

create table partner (
    id text primary key,
    agreement text not null,        -- json
    changed bigint not null
);

create table partner_authority (
    authority text primary key,
    partner_id text not null references partner (id) on delete cascade
);
create index partner_authority_of_partner on partner_authority (partner_id);

-- What came in by AS2 or mail: the raw request before it is judged, and the receipt that it got.
create table inbound (
    id text primary key,
    as2_from text not null,
    as2_to text not null,
    wire_id text not null,
    raw_sha256 text not null,
    raw_content text not null,
    status text not null,           -- empfangen until judged, then angenommen or abgelehnt
    received bigint not null,
    message_id text,
    mdn_body bytea,
    mdn_headers text,               -- json
    async_url text,
    mdn_status text not null check (mdn_status in ('none', 'wartet', 'laeuft', 'zugestellt', 'gescheitert')),
    mdn_attempts bigint not null,
    mdn_next_at bigint not null,
    lease_until bigint
);
create unique index inbound_transport on inbound (as2_from, as2_to, wire_id);
create index inbound_unjudged on inbound (lease_until) where status = 'empfangen';
create index inbound_mdn_due on inbound (mdn_next_at) where mdn_status = 'wartet';
create index inbound_mdn_running on inbound (lease_until) where mdn_status = 'laeuft';
create index inbound_of_message on inbound (message_id) where message_id is not null;
