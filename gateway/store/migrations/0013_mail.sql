-- Mail in both directions: how a request came, and which try a returned mail names.
alter table inbound add column weg text not null default 'as2' check (weg in ('as2', 'mail'));

create table mail_try (
    token text primary key,         -- unguessable: ENVID, and in the return path
    delivery_id text not null references delivery (id),
    n bigint not null,              -- number of the attempt
    created bigint not null,
    returned bigint,                -- when a notification said that it failed
    status text,                    -- enhanced status code of that, may be empty
    looked_at bigint                -- when that was applied to the delivery
);
create index mail_try_of_delivery on mail_try (delivery_id);
create index mail_try_returned on mail_try (returned) where returned is not null and looked_at is null;
