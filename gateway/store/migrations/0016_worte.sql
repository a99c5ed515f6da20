-- What people write (why they act) may name a person: it stands encrypted beside its event and goes with the content;
-- the event itself, which is kept for ever, holds a salted digest of it.
alter table event add column worte bytea;
