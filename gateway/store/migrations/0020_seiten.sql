-- What pages show costs what they show: a number of the decree, what one authority owes, what is late, what was withheld
-- until somebody was reminded.
create index message_by_nummer on message (nummer, eingang, id) where nummer is not null;
create index duty_open_of on duty (pflichtig, faellig_am, id) where done is null;
create index duty_withheld on duty (reminded, id) where done is null and nummer = '1' and reminded is not null;
create index delivery_delayed on delivery (id) where late_notice is not null and status in ('wartet', 'laeuft', 'uebergeben');
create index receipt_positive on receipt (at) where step = 'receipt_positive';
