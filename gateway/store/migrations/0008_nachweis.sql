-- What a delivery's sender was told: the Zustellnachweis of its delay, and of its failure (its id, or `niemand`).
alter table delivery add column late_notice text;
alter table delivery add column failure_notice text;
create index delivery_late on delivery (created)
    where late_notice is null and weg <> 'abruf'
        and status in ('wartet', 'laeuft', 'uebergeben', 'quittung_ungueltig', 'klaerung', 'angehalten');
