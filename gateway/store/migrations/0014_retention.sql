-- Requests of partners that were refused: their bytes are deleted as well; then `raw_content` is empty.
drop index inbound_refused;
create index inbound_refused on inbound (received) where status = 'abgelehnt' and raw_content <> '';
