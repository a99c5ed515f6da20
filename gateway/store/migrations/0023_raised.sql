-- How often the judgement of a request, or the sending of its receipt, raised: what raises each time waits for a person
-- (status `klaerung`) instead of being tried for ever.
alter table inbound add column raised bigint not null default 0;
create index inbound_stuck on inbound (received) where status = 'klaerung';
create index inbound_unreceipted on inbound (received) where mdn_status = 'gescheitert';
