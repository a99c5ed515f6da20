-- What a new sealing of a delivery replaced: a receipt may still come for it, and it stays evidence.
create table former_sealing (
    wire_id text primary key,       -- Message-ID that was on the wire
    delivery_id text not null references delivery (id),
    mic text not null,
    mic_alg text not null,
    signed_content text,
    sealed_content text,
    replaced bigint not null
);
create index former_sealing_of_delivery on former_sealing (delivery_id);
