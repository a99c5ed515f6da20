-- 5.1 may owe two things at once: the Urteil and the time of § 456a StPO; each ends by itself.
alter table duty add column teil text not null default '';
drop index duty_identity;
create unique index duty_identity on duty (message_id, nummer, pflichtig, teil);
