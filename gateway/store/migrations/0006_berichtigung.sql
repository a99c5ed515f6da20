-- Corrections of a notice, whichever Vorgang they stand in.
create index message_by_fremde_id on message (fremde_id, absender) where fremde_id is not null;
