-- This store was made from a copy, and no gateway has started on it yet.
create table restored (
    at bigint primary key,
    hold bigint not null check (hold in (0, 1))
);
