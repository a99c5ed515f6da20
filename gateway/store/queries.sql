-- Every statement of the gateway, by name, for both databases.
--
-- `-- name: query(first, second)` declares what `$1`, `$2` … are. Times are microseconds UTC; json travels as text.
-- `in list($n)`: a JSON array of texts as a set. `/*postgres … */`: read by PostgreSQL alone (the claim's row locks).
-- A query whose parameter may be null says so by `cast($n as type)`, for PostgreSQL must know its type.

-- ===== accept =====

-- name: insert_message(id, herkunft, absender, eigene_id, fremde_id, familie, wurzel, version, nummer, anlass, test,
--     vorrang, status, entscheidung, fingerprint, answer, aktenzeichen_index, azr_index, gateway_id, bezug_id, eingang)
-- A second one of the same (absender, eigene_id) violates message_identity.
insert into message (id, herkunft, absender, eigene_id, fremde_id, familie, wurzel, version, nummer, anlass, test,
    vorrang, status, entscheidung, fingerprint, answer, aktenzeichen_index, azr_index, gateway_id, bezug_id, eingang,
    geaendert)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21);

-- name: insert_part(message_id, n, name, media_type, sha256, bytes, content_id)
insert into part (message_id, n, name, media_type, sha256, bytes, content_id) values ($1, $2, $3, $4, $5, $6, $7);

-- name: insert_delivery(id, message_id, empfaenger, partner_id, weg, status, vorrang, created, next_at, deadline_at)
-- A second one to the same addressee violates delivery_addressee.
insert into delivery (id, message_id, empfaenger, partner_id, weg, status, vorrang, created, changed, next_at,
    deadline_at, attempts)
values ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, 0);

-- name: insert_readers(message_id)
-- Who may read the message, from its sender and its deliveries: runs after them in every step that adds a delivery.
insert into message_reader (authority, eingang, message_id)
select absender, eingang, id from message where id = $1
union select d.empfaenger, m.eingang, m.id from delivery d join message m on m.id = d.message_id where m.id = $1
on conflict do nothing;

-- name: insert_event(id, at, art, message_id, delivery_id, akteur, detail)
insert into event (id, at, art, message_id, delivery_id, akteur, detail) values ($1, $2, $3, $4, $5, $6, $7);

-- name: insert_told_event(id, at, art, message_id, delivery_id, akteur, detail, worte)
-- One with somebody's words beside it.
insert into event (id, at, art, message_id, delivery_id, akteur, detail, worte)
values ($1, $2, $3, $4, $5, $6, $7, $8);

-- name: forget_words(message_id)
update event set worte = null where message_id = $1 and worte is not null;

-- name: forget_decision_words(id, before, after)
-- Compare and set.
update message set entscheidung = $3 where id = $1 and entscheidung = $2;

-- name: forget_looks(message_id, nothing)
-- Why people looked at it; that they did stays.
update look set grund = $2 where message_id = $1;

-- name: forget_forwards(message_id)
-- Why somebody wanted to forward it, while that waited for a person.
update clearing set grund = null where message_id = $1 and grund is not null;

-- name: forget_dezernate(message_id)
delete from dezernat where message_id = $1;

-- ===== content =====

-- name: insert_content(id, wrapped_key, key_id, bytes, sha256, state, created)
insert into content (id, wrapped_key, key_id, bytes, sha256, state, created) values ($1, $2, $3, $4, $5, $6, $7);

-- name: insert_chunk(content_id, n, last, data)
insert into chunk (content_id, n, last, data) values ($1, $2, $3, $4);

-- name: keep_content(id, bytes, sha256)
-- Staged content becomes referenced, in the step that refers to it.
update content set state = 'kept', bytes = $2, sha256 = $3 where id = $1 and state = 'staged';

-- name: discard_content(id)
-- An upload that came to nothing; its chunks go with it.
delete from content where id = $1 and state = 'staged';

-- name: sweep_staged(created_before, count)
-- Orphans: staged content that no step ever kept.
delete from content
where id in (select id from content where state = 'staged' and created < $1 order by created limit $2)
returning id;

-- name: content(id)
select id, wrapped_key, key_id, bytes, sha256, state, created, purged from content where id = $1;

-- name: chunks(content_id, first, count)
select n, last, data from chunk where content_id = $1 and n >= $2 order by n limit $3;

-- name: any_content()
-- Whether anything was kept yet, and under which key.
select id, wrapped_key, key_id from content where id > '' order by id limit 1;

-- ===== keys of the store =====

-- name: store_keys()
select id, zweck, nummer, kek, wrapped, created from store_key order by zweck, nummer;

-- name: insert_store_key(id, zweck, nummer, kek, wrapped, now)
-- Another gateway's key of this purpose and number violates store_key_identity.
insert into store_key (id, zweck, nummer, kek, wrapped, created) values ($1, $2, $3, $4, $5, $6);

-- name: rewrap_store_key(id, before, kek, wrapped)
-- Compare and set, when the configuration has a new key.
update store_key set kek = $3, wrapped = $4 where id = $1 and kek = $2;

-- name: contents_after(after_id, count)
-- All contents, page by page.
select id, wrapped_key, key_id, bytes, sha256, state, purged from content where id > $1 order by id limit $2;

-- name: rewrap_content(id, before, key_id, wrapped_key)
-- Compare and set; before '': what the configuration's key itself wrapped.
update content set key_id = $3, wrapped_key = $4 where id = $1 and coalesce(key_id, '') = $2 and purged is null;

-- name: forget_store_key(id)
-- An older key; the database refuses while a content needs it.
delete from store_key where id = $1;

-- ===== messages =====

-- name: message(id)
select * from message where id = $1;

-- name: message_by_identity(absender, eigene_id)
select * from message where absender = $1 and eigene_id = $2;

-- name: message_for_sender(id, authorities)
-- The message, if one of these authorities sent it.
select * from message where id = $1 and absender in list($2);

-- name: message_for_recipient(id, authorities)
-- The message, if there is a delivery to one of these authorities.
select m.* from message m
where m.id = $1 and exists (select 1 from delivery d where d.message_id = m.id and d.empfaenger in list($2));

-- name: messages_by_own_id(eigene_id)
-- Messages of any sender under one eigeneNachrichtenID: what a fremdeNachrichtenID may refer to.
select id, absender, eigene_id, wurzel, nummer, anlass, status, eingang from message where eigene_id = $1
order by eingang, id;

-- name: corrections_of(fremde_id, absender)
-- Corrections by which a sender refers to one of its own messages, wherever they stand.
select m.* from message m
where m.fremde_id = $1 and m.absender = $2 and m.anlass = 'berichtigung' order by m.eingang, m.id;

-- name: messages_about(bezug_id)
-- What forwards or refers to a message.
select id, absender, eigene_id, wurzel, nummer, anlass, status, eingang from message where bezug_id = $1
order by eingang, id;

-- name: move_message(id, sources, status, entscheidung, now)
-- Compare and set, for steps that no delivery decides (assign, release, cancel before delivery).
update message set status = $3, entscheidung = coalesce(cast($4 as text), entscheidung), geaendert = $5
where id = $1 and status in list($2)
returning id, status;

-- name: touch_message(id, now)
-- Locks the message's row, so that two outcomes of one message are added up one after the other.
update message set geaendert = $2 where id = $1;

-- fragment: derived_status
-- states.message_status over the rows of delivery d
    select case
        when count(*) = sum(case when d.status = 'zugestellt' then 1 else 0 end) then 'zugestellt'
        when sum(case when d.status = 'zugestellt' then 1 else 0 end) > 0
            and sum(case when d.status in ('abgelehnt', 'gescheitert', 'storniert', 'klaerung') then 1 else 0 end) > 0
            then 'teilweise'
        when count(*) = sum(case when d.status = 'storniert' then 1 else 0 end) then 'storniert'
        when count(*) = sum(case when d.status in ('zugestellt', 'abgelehnt', 'gescheitert', 'storniert')
            then 1 else 0 end) then 'gescheitert'
        when count(*) = sum(case when d.status in ('abgelehnt', 'gescheitert', 'storniert', 'klaerung')
            then 1 else 0 end) then 'klaerung'
        when count(*) = sum(case when d.status = 'wartet' and d.attempts = 0 then 1 else 0 end) then 'angenommen'
        else 'unterwegs' end
    from delivery d

-- name: derive_message_status(id, now)
-- states.message_status as one statement; a message without deliveries keeps its status. Runs after touch_message.
update message set geaendert = $2, status = (
{derived_status} where d.message_id = message.id)
where id = $1 and exists (select 1 from delivery d where d.message_id = message.id)
returning id, status;

-- name: start_messages(owner, now)
-- Messages of which this owner just claimed a delivery are on their way; runs in the claim's step.
-- `|| ''` keeps SQLite from walking all that are `angenommen` instead of the few that run.
update message set status = 'unterwegs', geaendert = $2
where status || '' = 'angenommen'
    and id in (select message_id from delivery where status = 'laeuft' and lease_owner = $1);

-- name: parts(message_id)
select message_id, n, name, media_type, sha256, bytes, content_id from part where message_id = $1 order by n;

-- name: parts_of_messages(message_ids)
select message_id, n, name, media_type, sha256, bytes, content_id from part where message_id in list($1)
order by message_id, n;

-- name: recipients_of_messages(message_ids)
select message_id, empfaenger, status from delivery where message_id in list($1) order by message_id, id;

-- name: events_of_message(message_id)
select id, at, art, message_id, delivery_id, akteur, detail, worte from event where message_id = $1 order by id;

-- name: events_of_art(art, after_id, count)
select id, at, art, message_id, delivery_id, akteur, detail, worte from event where art = $1 and id > $2
order by id limit $3;

-- ===== search =====
-- Newest first, by keyset: a page begins below (before, before_id); the first page has (end of the window, '').
-- Each query walks one index; store/search.py chooses it. All take the same parameters:
--   since, before, before_id, count   the window and the page
--   readers                           only what one of these authorities may read; null: everything
--   status … own_id                   filters; null: any

-- Who is not the sender sees only deliveries to itself that are or were on their way, and the status that follows from
-- them: the same as for a message of which there are no others.

-- fragment: seen
d.empfaenger in list($5) and d.status not in ('klaerung', 'angehalten', 'storniert')

-- fragment: whole
(cast($5 as text) is null or m.absender in list($5))

-- fragment: seen_status
case when {whole} then m.status else ({derived_status} where d.message_id = m.id and {seen}) end

-- fragment: search_columns
m.id, m.eigene_id, m.anlass, m.nummer, m.absender, {seen_status} as status, m.eingang, m.test

-- fragment: search_filters
    and ({whole} or exists (select 1 from delivery d where d.message_id = m.id and {seen}))
    and (cast($6 as text) is null or $6 = {seen_status})
    and (cast($7 as text) is null or m.absender = $7)
    and (cast($8 as text) is null
        or exists (select 1 from delivery d where d.message_id = m.id and d.empfaenger = $8 and ({whole} or {seen})))
    and (cast($9 as text) is null or m.anlass = $9)
    and (cast($10 as text) is null or m.nummer = $10)
    and (cast($11 as text) is null or m.aktenzeichen_index = $11)
    and (cast($12 as text) is null or m.azr_index = $12)
    and (cast($13 as text) is null or m.eigene_id = $13)

-- fragment: search_page
    and m.eingang >= $1 and (m.eingang, m.id) < ($2, $3)

-- fragment: search_order
order by m.eingang desc, m.id desc limit $4

-- name: search_all(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id)
-- Walks the whole window.
select {search_columns} from message m where true {search_page} {search_filters} {search_order};

-- name: search_by_status(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id)
select {search_columns} from message m where m.status = $6 {search_page} {search_filters} {search_order};

-- name: search_by_nummer(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id)
select {search_columns} from message m where m.nummer = $10 {search_page} {search_filters} {search_order};

-- name: messages_of_number(nummer, since, count)
-- How many messages of a number there are, counted up to a bound.
select count(*) as zahl from (select 1 as one from message m where m.nummer = $1 and m.eingang >= $2 limit $3) found;

-- name: search_by_own_id(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id)
select {search_columns} from message m where m.eigene_id = $13 {search_page} {search_filters} {search_order};

-- name: search_by_azr(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id)
select {search_columns} from message m where m.azr_index = $12 {search_page} {search_filters} {search_order};

-- name: search_by_aktenzeichen(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id)
select {search_columns} from message m where m.aktenzeichen_index = $11 {search_page} {search_filters} {search_order};

-- name: search_by_reader(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id, walked)
-- Walks what one authority (`walked`) may read.
select {search_columns} from message_reader r join message m on m.id = r.message_id
where r.authority = $14 and r.eingang >= $1 and (r.eingang, r.message_id) < ($2, $3) {search_filters}
order by r.eingang desc, r.message_id desc limit $4;

-- A status that is not `zugestellt` is that of few messages. One authority finds its own by the message's status, and
-- those of others by its own delivery, for `seen_status` is another one than `zugestellt` only where one of these is.

-- name: search_open_sent(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id, walked)
-- Walks what one authority (`walked`) sent and what stands so.
select {search_columns} from message m
where m.absender = $14 and m.status = $6 and m.status <> 'zugestellt' {search_page} {search_filters} {search_order};

-- name: search_open_received(since, before, before_id, count, readers, status, absender, empfaenger, anlass, nummer,
--     aktenzeichen_index, azr_index, eigene_id, walked)
-- Looks at all deliveries to one authority (`walked`) that have not arrived.
select {search_columns} from delivery o join message m on m.id = o.message_id
where o.empfaenger = $14 and o.status <> 'zugestellt' {search_page} {search_filters} {search_order};

-- ===== deliveries =====

-- name: delivery(id)
select * from delivery where id = $1;

-- name: deliveries_of_message(message_id)
select * from delivery where message_id = $1 order by id;

-- name: delivery_by_wire_id(wire_id)
select * from delivery where wire_id = $1;

-- name: stuck_deliveries(status, after_id, count)
-- What needs a person, oldest first, page by page; other statuses than these find nothing.
select * from delivery
where status in ('abgelehnt', 'quittung_ungueltig', 'klaerung', 'angehalten', 'gescheitert')
    and status = $1 and id > $2
order by id limit $3;

-- name: delayed_deliveries(after_id, count)
-- Of whose delay the sender was told, and that are still on their way; oldest first.
select * from delivery where late_notice is not null and status in ('wartet', 'laeuft', 'uebergeben') and id > $1
order by id limit $2;

-- name: due_lanes(now)
-- Partners with work that is due: one look into an index per partner.
select p.id as partner_id from partner p
where exists (select 1 from delivery d where d.partner_id = p.id and d.status = 'wartet' and d.next_at <= $1);

-- name: claimable_lanes(now)
-- Of these, those that are neither held nor stopped.
select p.id as partner_id, coalesce(l.state, 'frei') as state, coalesce(l.failures, 0) as failures
from partner p left join lane l on l.partner_id = p.id
where exists (select 1 from delivery d where d.partner_id = p.id and d.status = 'wartet' and d.next_at <= $1)
    and l.held_at is null and (l.partner_id is null or l.state = 'frei' or l.until <= $1);

-- name: claim_deliveries(now, lease_until, owner, partner_id, count, vorrang_bis, most)
-- Takes due work of one lane under a lease: vorrang first, then what was due first. A worker that passes a
-- vorrang_bis of 0 every few times keeps the rest from starving. Rows come in no order. Nothing from a lane that was
-- stopped or held meanwhile; and no more than `most` under way in the lane, whichever gateway has them.
with room as materialized (
    select $7 - count(*) as n from delivery where status = 'laeuft' and partner_id = $4
),
picked as materialized (
    select id from delivery
    where status = 'wartet' and partner_id = $4 and next_at <= $1 and vorrang <= $6
        and not exists (select 1 from lane l
            where l.partner_id = $4 and (l.held_at is not null or l.state = 'unterbrochen'))
    order by vorrang desc, next_at, id
    limit (select case when n < 0 then 0 when n < $5 then n else $5 end from room)
    /*postgres for update skip locked*/
)
update delivery set status = 'laeuft', attempts = attempts + 1, lease_until = $2, lease_owner = $3, changed = $1,
    first_at = coalesce(first_at, $1)
where id in (select id from picked)
returning *;

-- name: claim_delivery(id, now, lease_until, owner)
-- One delivery, for who wants to see it through: the test of a partner.
update delivery set status = 'laeuft', attempts = attempts + 1, lease_until = $3, lease_owner = $4, changed = $2,
    first_at = coalesce(first_at, $2)
where id = $1 and status = 'wartet'
returning *;

-- name: extend_lease(id, owner, lease_until)
update delivery set lease_until = $3 where id = $1 and status = 'laeuft' and lease_owner = $2;

-- name: recover_leases(lease_before, now)
-- Work whose worker is gone waits again. Before workers start, a gateway alone on its database passes a time beyond
-- every lease.
update delivery set status = 'wartet', next_at = $2, changed = $2, lease_until = null, lease_owner = null
where status = 'laeuft' and lease_until < $1
returning id, message_id, empfaenger, attempts;

-- name: store_sealed(id, old_wire_id, wire_id, mic, mic_alg, wire_headers, signed_content, sealed_content, now)
-- What goes over the wire, once; a new sealing names the Message-ID that it replaces (null: there was none).
update delivery set wire_id = $3, mic = $4, mic_alg = $5, wire_headers = $6, signed_content = $7, sealed_content = $8,
    changed = $9
where id = $1 and coalesce(wire_id, '') = coalesce(cast($2 as text), '');

-- name: replan_delivery(id, partner_id, weg, wire_headers)
-- The agreement of today, for a resend, whose age and deadline count anew.
update delivery set partner_id = $2, weg = $3, wire_headers = $4, first_at = null, deadline_at = null where id = $1;

-- name: keep_sealing(delivery_id, now)
-- What the next store_sealed replaces; nothing where nothing was sealed.
insert into former_sealing (wire_id, delivery_id, mic, mic_alg, signed_content, sealed_content, replaced)
select wire_id, id, mic, mic_alg, signed_content, sealed_content, $2 from delivery
where id = $1 and wire_id is not null;

-- name: former_sealing(wire_id)
select wire_id, delivery_id, mic, mic_alg, signed_content, sealed_content, replaced from former_sealing
where wire_id = $1;

-- name: note_delivery(id, last_error)
-- Why a new delivery waits for a person.
update delivery set last_error = $2 where id = $1;

-- name: seal_anew(id, wire_headers)
-- The next attempt seals it once more; until then the old Message-ID stays, for late receipts.
update delivery set wire_headers = $2 where id = $1;

-- name: move_delivery(id, sources, owner, status, now, next_at, deadline_at, last_error, receipt_id)
-- Compare and set of every step but the claim: only from one of `sources`, and for a worker only while it holds the
-- lease (owner null: timer, receipt, operator). next_at, deadline_at, receipt_id null: unchanged; last_error is set
-- as given. The lease ends.
update delivery set status = $4, changed = $5, next_at = coalesce(cast($6 as bigint), next_at),
    deadline_at = coalesce(cast($7 as bigint), deadline_at), last_error = $8,
    receipt_id = coalesce(cast($9 as text), receipt_id), lease_until = null, lease_owner = null
where id = $1 and status in list($2) and (cast($3 as text) is null or lease_owner = $3)
returning id, message_id, empfaenger, status, attempts;

-- name: due_deadlines(now, count)
-- Handed over, and no valid receipt in time.
select * from delivery
where status in ('uebergeben', 'quittung_ungueltig') and deadline_at <= $1
order by deadline_at limit $2;

-- name: insert_attempt(id, delivery_id, n, started, ended, outcome, detail)
insert into attempt (id, delivery_id, n, started, ended, outcome, detail) values ($1, $2, $3, $4, $5, $6, $7);

-- name: attempts(delivery_id)
select id, delivery_id, n, started, ended, outcome, detail from attempt where delivery_id = $1 order by n;

-- name: insert_receipt(id, delivery_id, art, step, reason, raw_content, at)
insert into receipt (id, delivery_id, art, step, reason, raw_content, at) values ($1, $2, $3, $4, $5, $6, $7);

-- name: receipts(delivery_id)
select id, delivery_id, art, step, reason, raw_content, at from receipt where delivery_id = $1 order by id;

-- name: receipt_with_bytes(delivery_id, sha256, step)
-- The same receipt with the same judgement, where it came before.
select r.id from receipt r join content c on c.id = r.raw_content
where r.delivery_id = $1 and c.sha256 = $2 and r.step = $3 limit 1;

-- name: inbox(authorities, after_id, count)
-- What waits in the inbox of these authorities, oldest first, page by page.
select d.id, d.message_id, d.empfaenger, d.status, d.created, m.absender, m.eigene_id, m.nummer, m.anlass, m.test
from delivery d join message m on m.id = d.message_id
where d.weg = 'abruf' and d.status in ('uebergeben', 'quittung_ungueltig')
    and d.empfaenger in list($1) and d.id > $2
order by d.id limit $3;

-- ===== partners =====

-- name: put_partner(id, agreement, now)
insert into partner (id, agreement, changed) values ($1, $2, $3)
on conflict (id) do update set agreement = excluded.agreement, changed = excluded.changed;

-- name: delete_partner(id)
-- Its authorities go with it.
delete from partner where id = $1;

-- name: clear_partner_authorities(partner_id)
delete from partner_authority where partner_id = $1;

-- name: insert_partner_authority(authority, partner_id)
-- An authority that another partner already stands for violates partner_authority_pkey.
insert into partner_authority (authority, partner_id) values ($1, $2);

-- name: partners()
select id, agreement, changed from partner order by id;

-- name: partner(id)
select id, agreement, changed from partner where id = $1;

-- name: authorities_of_partner(partner_id)
select authority from partner_authority where partner_id = $1;

-- name: partner_of_authority(authority)
select p.id, p.agreement, p.changed from partner_authority a join partner p on p.id = a.partner_id
where a.authority = $1;

-- ===== trust =====

-- name: revocation_answers()
-- All addresses; their answers are read apart, for lists of a great authority have megabytes.
select id, art, this_update, next_update, fetched, next_fetch, failures, error from revocation_answer;

-- name: revocation_body(id)
select body from revocation_answer where id = $1 and body is not null;

-- name: plan_revocation(id, art, url, now)
-- An address that is to be asked; one that is known stays as it is.
insert into revocation_answer (id, art, url, next_fetch, failures) values ($1, $2, $3, $4, 0)
on conflict do nothing;

-- name: claim_revocation(now, until, count)
-- Addresses that are due, each for one gateway.
update revocation_answer set next_fetch = $2
where id in (
    select id from revocation_answer where next_fetch <= $1 order by next_fetch limit $3
    /*postgres for update skip locked */
)
returning id, failures, this_update;

-- name: store_revocation(id, body, this_update, next_update, fetched, next_fetch)
-- Never an older answer than the one that is there: whoever replays one changes nothing.
update revocation_answer
set body = $2, this_update = $3, next_update = $4, fetched = $5, next_fetch = $6, failures = 0, error = null
where id = $1 and (this_update is null or this_update <= $3);

-- name: revocation_failed(id, error, next_fetch)
update revocation_answer set failures = failures + 1, error = $2, next_fetch = $3 where id = $1;

-- name: forget_revocation(id)
delete from revocation_answer where id = $1;

-- name: insert_notice(sha256, grund, now)
-- The same a second time violates certificate_notice_identity.
insert into certificate_notice (sha256, grund, at) values ($1, $2, $3);

-- name: clear_notice(sha256, grund)
delete from certificate_notice where sha256 = $1 and grund = $2;

-- name: notices()
select sha256, grund from certificate_notice;

-- ===== log =====

-- name: unsealed_events(count)
-- Events without a leaf, whenever they were committed.
select id, at, art, message_id, delivery_id, akteur, detail from event where leaf is null order by id limit $1;

-- name: log_lag(count)
-- How many events wait for a leaf, counted up to a bound, and since when; no row where none does.
select count(*) as n, min(at) as oldest from (select at from event where leaf is null order by id limit $1) picked
having count(*) > 0;

-- name: take_log(owner, now, lease_until)
-- The lock; nothing comes back where another sealer holds it.
update log_head set owner = $1, lease_until = $3 where id = 'log' and (lease_until < $2 or owner = $1)
returning size;

-- name: release_log(owner)
update log_head set owner = null, lease_until = 0 where id = 'log' and owner = $1;

-- name: grow_log(owner, before, size)
-- Compare and set: a sealer whose lease ended, and who is not the last one any more, writes nothing.
update log_head set size = $3 where id = 'log' and owner = $1 and size = $2;

-- name: log_head(id)
select size, owner, lease_until from log_head where id = $1;

-- name: seal_event(id, leaf, salt)
update event set leaf = $2, salt = $3 where id = $1 and leaf is null;

-- name: put_tile(level, n, hashes)
insert into log_tile (level, n, hashes) values ($1, $2, $3)
on conflict (level, n) do update set hashes = excluded.hashes;

-- name: tile(level, n)
select hashes from log_tile where level = $1 and n = $2;

-- name: insert_checkpoint(size, at, note, signature, certificate)
insert into log_checkpoint (size, at, note, signature, certificate) values ($1, $2, $3, $4, $5);

-- name: last_checkpoint()
select size, at, note, signature, certificate from log_checkpoint where size > 0 order by size desc limit 1;

-- name: checkpoint_times(size, count)
select size, at from log_checkpoint where size > $1 order by size limit $2;

-- name: delete_checkpoint(size)
-- Never the last one.
delete from log_checkpoint where size = $1 and exists (select 1 from log_checkpoint l where l.size > $1);

-- name: checkpoints_after(size, count)
select size, at, note, signature, certificate from log_checkpoint where size > $1 order by size limit $2;

-- name: sealed_events(first, count)
select leaf, salt, id, at, art, message_id, delivery_id, akteur, detail from event where leaf >= $1
order by leaf limit $2;

-- name: sealed_events_of_readers(authorities, first, before)
-- Events of messages that one of these authorities may read, in the order of the log, from one stretch of it.
select e.leaf, e.id, e.at, e.art, e.message_id, e.delivery_id from event e join message m on m.id = e.message_id
where e.leaf >= $2 and e.leaf < $3 and exists (
    select 1 from message_reader r
    where r.authority in list($1) and r.eingang = m.eingang and r.message_id = m.id
)
order by e.leaf;

-- name: sealed_events_of_message(message_id)
select leaf, salt, id, at, art, message_id, delivery_id, akteur, detail from event where message_id = $1 order by id;

-- name: insert_proof(sha256, art, body, now)
insert into proof (sha256, art, body, first_used) values ($1, $2, $3, $4) on conflict do nothing;

-- name: insert_receipt_proof(receipt_id, sha256)
insert into receipt_proof (receipt_id, sha256) values ($1, $2) on conflict do nothing;

-- name: proof_known(sha256)
select sha256 from proof where sha256 = $1;

-- name: proof(sha256)
select sha256, art, body from proof where sha256 = $1;

-- name: proofs_of_receipt(receipt_id)
select p.sha256, p.art, p.body from receipt_proof r join proof p on p.sha256 = r.sha256
where r.receipt_id = $1 order by p.art, p.sha256;

-- ===== inbound =====

-- name: insert_inbound(id, as2_from, as2_to, wire_id, raw_sha256, raw_content, received, async_url, lease_until, weg)
-- The raw request is durable, before anything judges it. The same Message-ID again violates inbound_transport.
insert into inbound (id, as2_from, as2_to, wire_id, raw_sha256, raw_content, status, received, async_url, lease_until,
    mdn_status, mdn_attempts, mdn_next_at, weg)
values ($1, $2, $3, $4, $5, $6, 'empfangen', $7, $8, $9, 'none', 0, 0, $10);

-- name: inbound(id)
select * from inbound where id = $1;

-- name: inbound_by_transport(as2_from, as2_to, wire_id)
select * from inbound where as2_from = $1 and as2_to = $2 and wire_id = $3;

-- name: inbound_of_message(message_id)
select * from inbound where message_id = $1;

-- name: claim_inbound(lease_before, lease_until, count)
-- Requests that nobody is judging any more.
with picked as materialized (
    select id from inbound where status = 'empfangen' and lease_until < $1 order by lease_until limit $3
    /*postgres for update skip locked*/
)
update inbound set lease_until = $2 where id in (select id from picked)
returning *;

-- name: renew_inbound(ids, lease_until)
-- Requests that this process is judging.
update inbound set lease_until = $2 where id in list($1) and status = 'empfangen';

-- name: note_judgement_raised(id, before, status, lease_until)
-- Compare and set: to be judged again when its lease ends, or `klaerung`.
update inbound set raised = raised + 1, status = $3, lease_until = $4
where id = $1 and raised = $2 and status = 'empfangen';

-- name: judge_again()
-- What waits for a person is judged once more, when a gateway starts: with another program, keys or agreement.
update inbound set status = 'empfangen', raised = 0, lease_until = 0 where status = 'klaerung';

-- name: stuck_requests(count)
-- Requests that could not be judged, oldest first.
select id, as2_from, weg, received, raised from inbound where status = 'klaerung' order by received limit $1;

-- name: count_stuck_requests()
-- No row while there is none.
select count(*) as n from inbound where status = 'klaerung' having count(*) > 0;

-- name: unsent_mdns(since, count)
-- Our receipts that were given up, newest first.
select id, as2_from, weg, received, message_id from inbound
where mdn_status = 'gescheitert' and received >= $1 order by received desc limit $2;

-- name: settle_inbound(id, status, message_id, mdn_body, mdn_headers, async_url, mdn_status, mdn_next_at)
-- The judgement and its receipt, once. mdn_status: none (given in the answer, or none asked) or wartet.
update inbound set status = $2, message_id = $3, mdn_body = $4, mdn_headers = $5, async_url = $6, mdn_status = $7,
    mdn_next_at = $8, lease_until = null, raised = 0
where id = $1 and status = 'empfangen';

-- name: claim_mdns(now, lease_until, count)
-- Takes asynchronous receipts that are due, under a lease.
with picked as materialized (
    select id from inbound where mdn_status = 'wartet' and mdn_next_at <= $1 order by mdn_next_at limit $3
    /*postgres for update skip locked*/
)
update inbound set mdn_status = 'laeuft', mdn_attempts = mdn_attempts + 1, lease_until = $2
where id in (select id from picked)
returning *;

-- name: move_mdn(id, attempt, mdn_status, mdn_next_at)
-- Outcome of the attempt with this number; a worker that lost its lease comes too late.
update inbound set mdn_status = $3, mdn_next_at = coalesce(cast($4 as bigint), mdn_next_at), lease_until = null
where id = $1 and mdn_status = 'laeuft' and mdn_attempts = $2;

-- name: renew_mdns(ids, lease_until)
-- Receipts that this process is sending; the number of the try tells whether another gateway took one over.
update inbound set lease_until = $2 where id in list($1) and mdn_status = 'laeuft'
returning id, mdn_attempts;

-- name: note_mdn_raised(id, attempt)
update inbound set raised = raised + 1 where id = $1 and mdn_status = 'laeuft' and mdn_attempts = $2;

-- name: send_mdn_again(id, now)
-- The sender asked once more for a receipt that was sent, or given up.
update inbound set mdn_status = 'wartet', mdn_next_at = $2, raised = 0
where id = $1 and mdn_status in ('zugestellt', 'gescheitert');

-- name: recover_mdns(lease_before, now)
update inbound set mdn_status = 'wartet', mdn_next_at = $2, lease_until = null
where mdn_status = 'laeuft' and lease_until < $1
returning id;

-- ===== returned mails =====

-- name: insert_mail_try(token, delivery_id, n, now)
-- Durable before the mail leaves, so that no notification can come too early.
insert into mail_try (token, delivery_id, n, created) values ($1, $2, $3, $4);

-- name: mail_try(token)
select t.token, t.delivery_id, t.n, d.message_id from mail_try t join delivery d on d.id = t.delivery_id
where t.token = $1;

-- name: note_return(token, now, status)
update mail_try set returned = $2, status = $3 where token = $1 and returned is null;

-- name: open_returns(count)
select token, delivery_id, n, status from mail_try
where returned is not null and looked_at is null
order by returned limit $1;

-- name: tries_of_delivery(delivery_id)
select token, n, returned from mail_try where delivery_id = $1 order by n;

-- name: settle_return(token, now)
update mail_try set looked_at = $2 where token = $1;

-- ===== directory =====

-- name: directory_since(since)
-- The newest revision, if it is newer than the one that the caller knows: all that a refresh costs while nothing changes.
select revision from directory_change where revision > $1 order by revision desc limit 1;

-- name: directory_corrections(tables)
-- What counts, or will count on a later day, oldest first; without rows that a newer one without days hides for good.
select r.tabelle, r.key, r.revision, r.entry, r.valid_from, r.valid_until from directory_row r
where r.tabelle in list($1) and not exists (
    select 1 from directory_row n
    where n.tabelle = r.tabelle and n.key = r.key and n.revision > r.revision
        and n.valid_from is null and n.valid_until is null)
order by r.tabelle, r.key, r.revision;

-- name: directory_history(tabelle, key)
-- Everything that was ever said about one row, oldest first.
select r.revision, r.entry, r.valid_from, r.valid_until, c.changed, c.changed_by, c.reason
from directory_row r join directory_change c on c.revision = r.revision
where r.tabelle = $1 and r.key = $2 order by r.revision;

-- name: insert_directory_change(revision, changed, changed_by, reason)
-- Somebody else's change with this number violates the primary key: whoever comes second begins anew.
insert into directory_change (revision, changed, changed_by, reason) values ($1, $2, $3, $4);

-- name: insert_directory_row(tabelle, key, revision, entry, valid_from, valid_until)
insert into directory_row (tabelle, key, revision, entry, valid_from, valid_until) values ($1, $2, $3, $4, $5, $6);

-- ===== schema =====

-- name: schema_version()
select max(version) as version from schema_version;

-- ===== vorgang =====

-- name: keep_facts(message_id, facts)
update message set facts = $2 where id = $1;

-- name: keep_signed(message_id, signed_content)
update message set signed_content = $2 where id = $1;

-- name: insert_vorgang(id, now)
insert into vorgang (id, created, changed) values ($1, $2, $2) on conflict do nothing;

-- name: insert_message_mark(message_id, authority, aktenzeichen_index, aktenzeichen)
insert into message_mark (message_id, authority, aktenzeichen_index, aktenzeichen) values ($1, $2, $3, $4)
on conflict do nothing;

-- name: insert_vorgang_mark(azr_index, authority, aktenzeichen_index, vorgang_id, now)
-- A mark that another Vorgang has already stays there: whoever came first.
insert into vorgang_mark (azr_index, authority, aktenzeichen_index, vorgang_id, created)
values ($1, $2, $3, $4, $5) on conflict do nothing;

-- name: claim_vorgang_mark(azr_index, authority, aktenzeichen_index, vorgang_id, now)
-- The marks of a new Vorgang: if one exists by now, vorgang_mark_identity is violated and the step begins anew.
insert into vorgang_mark (azr_index, authority, aktenzeichen_index, vorgang_id, created)
values ($1, $2, $3, $4, $5);

-- name: insert_withheld_mark(azr_index, authority, aktenzeichen_index, absender, vorgang_id)
insert into withheld_mark (azr_index, authority, aktenzeichen_index, absender, vorgang_id) values ($1, $2, $3, $4, $5)
on conflict do nothing;

-- name: insert_vorgang_message(message_id, vorgang_id, now)
insert into vorgang_message (message_id, vorgang_id, at) values ($1, $2, $3);

-- name: touch_vorgang(id, before, now)
-- Compare and set: what was decided by the Vorgang as it was before holds only while nothing joined it (null: any).
update vorgang set changed = case when changed < $3 then $3 else changed + 1 end
where id = $1 and (cast($2 as bigint) is null or changed = $2);

-- name: vorgang(id)
select id, created, changed from vorgang where id = $1;

-- name: marks_of_azr(azr_index)
-- One person has a handful.
select authority, aktenzeichen_index, vorgang_id, created from vorgang_mark where azr_index = $1;

-- name: withheld_marks_of_azr(azr_index)
select authority, aktenzeichen_index, absender, vorgang_id from withheld_mark where azr_index = $1;

-- name: withheld_marks_of_vorgang(vorgang_id)
select azr_index, authority, aktenzeichen_index, absender from withheld_mark where vorgang_id = $1;

-- name: move_vorgang_messages(from_id, to_id)
update vorgang_message set vorgang_id = $2 where vorgang_id = $1;

-- name: move_vorgang_duties(from_id, to_id)
update duty set vorgang_id = $2 where vorgang_id = $1;

-- name: clear_withheld_marks(vorgang_id)
delete from withheld_mark where vorgang_id = $1;

-- name: vorgaenge_by_azr(azr_index)
select distinct v.vorgang_id from message m join vorgang_message v on v.message_id = m.id where m.azr_index = $1;

-- name: vorgaenge_by_aktenzeichen(aktenzeichen_index, authority)
-- authority null: of any authority.
select distinct v.vorgang_id from message_mark k join vorgang_message v on v.message_id = k.message_id
where k.aktenzeichen_index = $1 and (cast($2 as text) is null or k.authority = $2);

-- name: vorgaenge_by_own_id(eigene_id)
select distinct v.vorgang_id from message m join vorgang_message v on v.message_id = m.id where m.eigene_id = $1;

-- name: vorgang_of_message(message_id)
select vorgang_id from vorgang_message where message_id = $1;

-- name: message_marks(message_id)
select authority, aktenzeichen_index from message_mark where message_id = $1;

-- name: vorgang_named(vorgang_id)
-- What the messages of a Vorgang name, in the order of the messages.
select k.message_id, k.authority, k.aktenzeichen_index, k.aktenzeichen
from vorgang_message v join message_mark k on k.message_id = v.message_id
where v.vorgang_id = $1 order by v.at, v.message_id, k.authority, k.aktenzeichen_index;

-- name: vorgang_messages(vorgang_id)
select m.*, v.at as joined from vorgang_message v join message m on m.id = v.message_id
where v.vorgang_id = $1 order by v.at, v.message_id;

-- name: vorgang_deliveries(vorgang_id)
select d.* from vorgang_message v join delivery d on d.message_id = v.message_id
where v.vorgang_id = $1 order by d.created, d.id;

-- name: vorgang_dezernate(vorgang_id)
select z.id, z.message_id, z.authority, z.dezernat, z.at
from vorgang_message v join dezernat z on z.message_id = v.message_id where v.vorgang_id = $1 order by z.id;

-- name: insert_dezernat(id, message_id, authority, dezernat, now)
insert into dezernat (id, message_id, authority, dezernat, at) values ($1, $2, $3, $4, $5);

-- name: receipt(id)
select * from receipt where id = $1;

-- name: reroute_message(id, sources, status, entscheidung, nummer, vorrang, now)
-- Compare and set, when a withheld or unplaced message is decided once more.
update message set status = $3, entscheidung = $4, nummer = $5, vorrang = $6, geaendert = $7
where id = $1 and status in list($2)
returning id, status;

-- name: amend_decision(id, before, after, now)
-- Compare and set, when a decision gets one recipient more.
update message set entscheidung = $3, geaendert = $4 where id = $1 and entscheidung = $2;

-- name: insert_forward_target(original_id, empfaenger, message_id)
-- Nothing is inserted where the authority has the notice already; a second one violates forward_target_identity.
insert into forward_target (original_id, empfaenger, message_id)
select m.id, cast($2 as text), cast($3 as text) from message m where m.id = $1 and not exists (
    select 1 from delivery d where d.message_id = m.id and d.empfaenger = $2 and d.status <> 'storniert');

-- name: free_forward_target(message_id)
-- A forward that was cancelled may be made once more.
delete from forward_target where message_id = $1;

-- name: insert_clearing(id, message_id, nummer, empfaenger, forwarder, received_as, grund, text, now)
-- A second forward of one notice that waits here violates clearing_forward.
insert into clearing (id, message_id, nummer, empfaenger, forwarder, received_as, grund, text, opened)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9);

-- name: clearings_of_message(message_id)
-- Those that are open.
select * from clearing where message_id = $1 and done is null order by id;

-- name: open_clearings(since, after_id, count)
select * from clearing where done is null and (opened, id) > ($1, $2) order by opened, id limit $3;

-- name: finish_clearing(id, now)
update clearing set done = $2 where id = $1 and done is null;

-- name: insert_duty(id, vorgang_id, message_id, nummer, teil, pflichtig, faellig_am, text, remind_on, opened)
insert into duty (id, vorgang_id, message_id, nummer, teil, pflichtig, faellig_am, text, remind_on, opened)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing;

-- name: replace_duty(vorgang_id, nummer, pflichtig)
-- A newer notice says the day anew.
delete from duty where vorgang_id = $1 and nummer = $2 and pflichtig = $3 and done is null;

-- name: fulfil_duties(vorgang_id, nummer, teil, pflichtig, done, done_by)
-- Of one thing that the number demands (teil), or of all (null).
update duty set done = $5, done_by = $6
where vorgang_id = $1 and nummer = $2 and (cast($3 as text) is null or teil = $3) and pflichtig = $4 and done is null;

-- name: fulfil_duty(id, done, done_by)
update duty set done = $2, done_by = $3 where id = $1 and done is null;

-- name: duties_of_vorgang(vorgang_id)
select * from duty where vorgang_id = $1 order by opened, id;

-- name: open_duties(until_day, after_day, after_id, count)
-- Open duties that are due by a day, for operators; what is due first comes first, page by page.
select * from duty where done is null and faellig_am <= $1 and (faellig_am, id) > ($2, $3)
order by faellig_am, id limit $4;

-- name: duties_of_message(message_id)
select * from duty where message_id = $1 order by id;

-- name: making_up(message_ids)
-- Since when notices are withheld, and when their senders were reminded (Nr. 1).
select message_id, opened, reminded, remind_on from duty where message_id in list($1) and nummer = '1' and done is null;

-- name: reminded_withheld(authority, count)
-- Withheld notices of whose age their sender was reminded; authority null: of all senders.
select * from duty where done is null and nummer = '1' and reminded is not null
    and (cast($1 as text) is null or pflichtig = $1)
order by reminded, id limit $2;

-- name: unreminded_duties(until_day, count)
select * from duty where done is null and remind_on <= $1 order by remind_on, id limit $2;

-- name: mark_reminded(id, remind_on, now, next_day)
-- Compare and set: of several gateways one reminds.
update duty set reminded = $3, remind_on = $4 where id = $1 and remind_on = $2 and done is null;

-- name: uncollected_deliveries(before, count)
-- Inbox entries that nobody has collected, and that nobody was told of.
select * from delivery
where weg = 'abruf' and status = 'uebergeben' and alarmed is null and changed <= $1 order by changed limit $2;

-- name: mark_alarmed(id, now)
update delivery set alarmed = $2 where id = $1 and alarmed is null and weg = 'abruf' and status = 'uebergeben';

-- name: count_alarms()
-- No row while there is none.
select count(*) as n from delivery where alarmed > 0 having count(*) > 0;

-- ===== telling the sender =====

-- name: late_deliveries(before, count)
-- Not arrived, and nobody was told; what lies in an inbox is told of with its alarm.
select * from delivery
where late_notice is null and weg <> 'abruf'
    and status in ('wartet', 'laeuft', 'uebergeben', 'quittung_ungueltig', 'klaerung', 'angehalten')
    and created <= $1
order by created limit $2;

-- name: mark_late_told(id, notice)
-- Compare and set, while it has not arrived: of several gateways one tells.
update delivery set late_notice = $2
where id = $1 and late_notice is null
    and status in ('wartet', 'laeuft', 'uebergeben', 'quittung_ungueltig', 'klaerung', 'angehalten');

-- name: mark_failure_told(id, notice)
update delivery set failure_notice = $2 where id = $1 and failure_notice is null;

-- ===== people =====

-- name: insert_person(id, name, rollen, behoerden, password, totp, now)
-- A second account of that name violates person_name.
insert into person (id, name, rollen, behoerden, password, totp, totp_step, failures, blocked_until, created, changed)
values ($1, $2, $3, $4, $5, $6, 0, 0, 0, $7, $7);

-- name: persons()
select id, name, rollen, behoerden, blocked_until, created, changed, disabled, extern from person order by name, id;

-- name: person(id)
select * from person where id = $1;

-- name: person_by_name(name)
-- Local accounts alone: others have no password.
select * from person where name = $1 and extern is null;

-- name: person_by_extern(extern)
select * from person where extern = $1;

-- name: insert_extern(id, extern, name, rollen, behoerden, password, totp, now)
-- A second account of that subject violates person_extern.
insert into person
    (id, extern, name, rollen, behoerden, password, totp, totp_step, failures, blocked_until, created, changed)
values ($1, $2, $3, $4, $5, $6, $7, 0, 0, 0, $8, $8);

-- name: set_extern(id, name, rollen, behoerden, now)
-- What the provider says at a log-in.
update person set name = $2, rollen = $3, behoerden = $4, changed = $5
where id = $1 and disabled is null and extern is not null;

-- name: use_signon(id, now)
-- One way to the provider and back opens one session.
insert into signon_done (id, at) values ($1, $2) on conflict (id) do nothing;

-- name: sweep_signons(before)
delete from signon_done where at < $1;

-- name: set_credentials(id, password, totp, now)
update person set password = $2, totp = $3, totp_step = 0, failures = 0, blocked_until = 0, changed = $4 where id = $1;

-- name: set_password(id, before, password, now)
-- Compare and set: of two changes at once one counts.
update person set password = $3, changed = $4 where id = $1 and password = $2;

-- name: set_disabled(id, disabled, now)
-- disabled null: the account may be used again.
update person set disabled = cast($2 as bigint), changed = $3 where id = $1;

-- name: login_failed(id, blocked_until)
update person set failures = failures + 1, blocked_until = $2 where id = $1;

-- name: login_done(id, step)
-- Compare and set: a one-time code counts once, whichever gateway sees it.
update person set failures = 0, blocked_until = 0, totp_step = $2 where id = $1 and totp_step < $2;

-- name: insert_session(id, person_id, now)
insert into person_session (id, person_id, created, seen) values ($1, $2, $3, $3);

-- name: session(id)
select s.id, s.person_id, s.created, s.seen, p.name, p.rollen, p.behoerden, p.disabled, p.extern
from person_session s join person p on p.id = s.person_id where s.id = $1;

-- name: touch_session(id, now)
update person_session set seen = $2 where id = $1;

-- name: end_session(id)
delete from person_session where id = $1;

-- name: end_sessions(person_id)
delete from person_session where person_id = $1;

-- name: sweep_sessions(created_before)
delete from person_session where created < $1;

-- name: insert_look(id, message_id, person_id, grund, asked, agreed)
-- agreed null: it waits for a second person.
insert into look (id, message_id, person_id, grund, asked, agreed) values ($1, $2, $3, $4, $5, $6);

-- name: look(id)
select * from look where id = $1;

-- name: open_looks(since, count)
select * from look where agreed is null and asked >= $1 order by asked desc limit $2;

-- name: looks_of_person(person_id, count)
select * from look where person_id = $1 order by id desc limit $2;

-- name: agree_look(id, person_id, now)
-- Never by whoever asked.
update look set agreed = $3, agreed_by = $2 where id = $1 and agreed is null and person_id <> $2;

-- fragment: audited
select id, at, art, message_id, delivery_id, akteur, detail, worte from event
where id < $1 and id > $2 and at >= $3 and at < $4
-- name: audit(before_id, after_id, since, before, count)
-- Events of everything, newest first: ids sort by time.
{audited} order by id desc limit $5;

-- name: audit_of_art(before_id, after_id, since, before, count, art)
{audited} and art = $6 order by id desc limit $5;

-- name: audit_of_person(before_id, after_id, since, before, count, akteur, art)
-- The second condition is that of the index, word by word.
{audited} and akteur = $6 and (substr(akteur, 1, 7) = 'person:' or akteur = 'zertifikat:kommandozeile')
    and ($7 = '' or art = $7)
order by id desc limit $5;

-- name: audit_of_message(before_id, after_id, since, before, count, message_id, akteur, art)
{audited} and message_id = $6 and ($7 = '' or akteur = $7) and ($8 = '' or art = $8) order by id desc limit $5;

-- fragment: audited_look
select l.*, (
    select count(*) from event e
    where e.message_id = l.message_id and e.art = 'einsicht' and e.detail like '%' || l.id || '%'
) as n
from look l
-- name: audit_looks(before_id, count)
-- Looks at content, newest first, each with how often content was shown.
{audited_look} where l.id < $1 order by l.id desc limit $2;

-- name: audit_looks_of_person(before_id, count, person_id)
{audited_look} where l.person_id = $3 and l.id < $1 order by l.id desc limit $2;

-- name: open_duties_of(authority, until_day, after_day, after_id, count)
-- The same as open_duties, for one authority that owes them.
select * from duty where done is null and pflichtig = $1 and faellig_am <= $2
    and (faellig_am, id) > ($3, $4)
order by faellig_am, id limit $5;

-- name: hourly(since)
-- Each of the 24 hours from `since`: messages that arrived, counted in an index; and how long the newest 20 of them took
-- on average until their receipt, where it is there: what a page shows costs the same however much arrived.
select hour.n as stunde,
    (select count(*) from message m where m.eingang >= cast($1 as bigint) + hour.n * 3600000000
        and m.eingang < cast($1 as bigint) + (hour.n + 1) * 3600000000) as nachrichten,
    (select cast(avg(d.changed - newest.eingang) as bigint)
        from (select m.id, m.eingang from message m where m.eingang >= cast($1 as bigint) + hour.n * 3600000000
            and m.eingang < cast($1 as bigint) + (hour.n + 1) * 3600000000 order by m.eingang desc, m.id desc limit 20) newest
        join delivery d on d.message_id = newest.id and d.status = 'zugestellt') as dauer
from (with recursive hours(n) as (select 0 union all select n + 1 from hours where n < 23) select n from hours) hour;

-- name: hourly_of(since, authority)
-- The same for what one authority sent or was sent; of what it was sent, its own deliveries alone.
select hour.n as stunde,
    (select count(*) from message_reader r where r.authority = $2
        and r.eingang >= cast($1 as bigint) + hour.n * 3600000000
        and r.eingang < cast($1 as bigint) + (hour.n + 1) * 3600000000) as nachrichten,
    (select cast(avg(d.changed - newest.eingang) as bigint)
        from (select r.message_id, r.eingang from message_reader r where r.authority = $2
            and r.eingang >= cast($1 as bigint) + hour.n * 3600000000
            and r.eingang < cast($1 as bigint) + (hour.n + 1) * 3600000000
            order by r.eingang desc, r.message_id desc limit 20) newest
        join message m on m.id = newest.message_id
        join delivery d on d.message_id = m.id and d.status = 'zugestellt'
            and (m.absender = $2 or d.empfaenger = $2)) as dauer
from (with recursive hours(n) as (select 0 union all select n + 1 from hours where n < 23) select n from hours) hour;

-- name: receipts_since(since)
-- How many positive receipts were verified since then, counted in an index.
select count(*) as zahl from receipt where step = 'receipt_positive' and at >= $1;


-- ===== lanes =====

-- name: queue_by_age(minute_ago, hour_ago, day_ago, count)
-- What waits, by partner and by when it was accepted: later than the first time, the second, the third, or before.
-- Counted up to a bound.
select partner_id, stufe, count(*) as n from (
    select d.partner_id, case when d.created > $1 then 'bis_1_minute' when d.created > $2 then 'bis_1_stunde'
        when d.created > $3 then 'bis_1_tag' else 'aelter' end as stufe
    from partner p cross join delivery d where d.partner_id = p.id and d.status = 'wartet' limit $4) picked
group by partner_id, stufe order by partner_id, stufe;

-- name: lanes(now)
-- Every partner's lane; since when its oldest due delivery waits.
select p.id as partner_id, coalesce(l.state, 'frei') as state, coalesce(l.failures, 0) as failures, l.until, l.held_at,
    l.held_by, l.held_reason,
    (select d.next_at from delivery d where d.partner_id = p.id and d.status = 'wartet' and d.next_at <= $1
     order by d.next_at limit 1) as waiting_since
from partner p left join lane l on l.partner_id = p.id order by p.id;

-- name: probe_lane(partner_id, now, until)
-- One delivery goes out to see whether the partner works again; of several gateways one sends it.
update lane set state = 'probe', until = $3, changed = $2
where partner_id = $1 and state <> 'frei' and until <= $2 and held_at is null;

-- name: note_lane_failure(partner_id, now)
insert into lane (partner_id, state, failures, pauses, until, changed) values ($1, 'frei', 1, 0, 0, $2)
on conflict (partner_id) do update set failures = lane.failures + 1, changed = excluded.changed
returning partner_id, state, failures, pauses;

-- name: stop_lane(partner_id, failures, until, now)
-- After so many failures in a row, or when a probe failed.
update lane set state = 'unterbrochen', until = $3, pauses = pauses + 1, changed = $4
where partner_id = $1 and (state = 'probe' or (state = 'frei' and failures >= $2));

-- name: open_lane(partner_id, now)
update lane set state = 'frei', failures = 0, pauses = 0, until = 0, changed = $2
where partner_id = $1 and state <> 'frei';

-- name: forget_lane_failures(partner_id, now)
update lane set failures = 0, changed = $2 where partner_id = $1 and state = 'frei' and failures > 0;

-- name: hold_lane(partner_id, now, akteur, grund)
insert into lane (partner_id, state, failures, pauses, until, changed, held_at, held_by, held_reason)
values ($1, 'frei', 0, 0, 0, $2, $2, $3, $4)
on conflict (partner_id) do update set changed = excluded.changed, held_at = excluded.held_at,
    held_by = excluded.held_by, held_reason = excluded.held_reason
where lane.held_at is null;

-- name: release_lane(partner_id, now)
update lane set state = 'frei', failures = 0, pauses = 0, until = 0, changed = $2, held_at = null, held_by = null,
    held_reason = null
where partner_id = $1 and (held_at is not null or state <> 'frei');

-- name: lanes_without_partner()
-- Lanes with waiting work whose agreement is gone, by steps from lane to lane.
select id as partner_id from (
    with recursive found(id) as (
        select (select d.partner_id from delivery d where d.status = 'wartet' and d.partner_id > ''
            order by d.partner_id limit 1)
        union all
        select (select d.partner_id from delivery d where d.status = 'wartet' and d.partner_id > found.id
            order by d.partner_id limit 1)
        from found where found.id is not null
    )
    select id from found where id is not null
) as waiting
where not exists (select 1 from partner p where p.id = waiting.id);

-- name: waiting_deliveries(partner_id, count)
select * from delivery where status = 'wartet' and partner_id = $1 order by next_at limit $2;

-- name: aged_deliveries(before, count)
-- Waiting in a lane that stopped by itself, where none is tried: too old.
select d.* from lane l cross join delivery d
where d.partner_id = l.partner_id and l.state <> 'frei' and l.held_at is null
    and d.status = 'wartet' and coalesce(d.first_at, d.changed) <= $1
limit $2;

-- name: renew_leases(ids, owner, lease_until)
-- Attempts that this process still has under way (`owner` is how its claims' owners begin).
update delivery set lease_until = $3
where id in list($1) and status = 'laeuft' and substr(lease_owner, 1, length(cast($2 as text))) = $2
returning id;

-- name: lost_leases(ids, owner)
-- Of these attempts those that another gateway has taken over.
select id from delivery
where id in list($1) and status = 'laeuft' and substr(lease_owner, 1, length(cast($2 as text))) <> $2;
-- ===== retention =====
-- Why the content of message m must stay, whatever its age.

-- fragment: terminal
('zugestellt', 'teilweise', 'gescheitert', 'storniert', 'entbehrlich')

-- fragment: held
exists (select 1 from retention_hold h where h.message_id = m.id)

-- fragment: underway
-- A delivery that may still change by itself or by a person.
exists (select 1 from delivery d
    where d.message_id = m.id and d.status not in ('zugestellt', 'abgelehnt', 'gescheitert', 'storniert'))

-- fragment: owed
-- An open duty in its Vorgang; what is withheld counts for nobody.
exists (select 1 from vorgang_message v join duty u on u.vorgang_id = v.vorgang_id
    join message w on w.id = u.message_id
    where v.message_id = m.id and u.done is null and w.status <> 'zurueckgestellt')

-- fragment: unclear
-- A recipient or a forward that waits for a person.
(exists (select 1 from clearing c where c.message_id = m.id and c.done is null)
    or exists (select 1 from clearing c where c.received_as = m.id and c.done is null and c.opened > 0))

-- fragment: carried
-- A Weiterleitung of it: whoever has that may forward once more, and needs the original.
exists (select 1 from message f where f.bezug_id = m.id and f.wurzel = $2 and f.purged is null)

-- name: purgeable(before, after_time, after_id, count)
-- Ended before a moment, content still there; what ended first comes first, page by page. `|| ''`: SQLite would else
-- walk everything that ever ended, and sort it.
select id, anlass, geaendert from message
where purged is null and status || '' in {terminal} and geaendert < $1 and (geaendert, id) > ($2, $3)
order by geaendert, id limit $4;

-- name: kept_for(id, weiterleitung)
-- Why a message's content must stay; 1 for each reason that holds.
select case when {held} then 1 else 0 end as behalten, case when {underway} then 1 else 0 end as zustellung,
    case when {owed} then 1 else 0 end as pflicht, case when {unclear} then 1 else 0 end as klaerung,
    case when {carried} then 1 else 0 end as weiterleitung
from message m where m.id = $1;

-- name: purge_message(id, weiterleitung, before, now)
-- Compare and set: it ended before that moment and nothing needs it. Digests, decision and evidence stay.
update message set purged = $4, facts = null where id in (
    select m.id from message m
    where m.id = $1 and m.purged is null and m.status in {terminal} and m.geaendert < $3
        and not {held} and not {underway} and not {owed} and not {unclear} and not {carried})
    and geaendert < $3;

-- name: shred_contents(message_id, now, nothing)
-- The keys of a message's contents are destroyed, but of those that another message has as a part.
update content set purged = $2, wrapped_key = $3
where purged is null and id in (
    select content_id from part where message_id = $1
    union all select signed_content from message where id = $1
    union all select signed_content from delivery where message_id = $1
    union all select sealed_content from delivery where message_id = $1
    union all select f.signed_content from delivery d join former_sealing f on f.delivery_id = d.id
        where d.message_id = $1
    union all select f.sealed_content from delivery d join former_sealing f on f.delivery_id = d.id
        where d.message_id = $1
    union all select raw_content from inbound where message_id = $1)
    and not exists (select 1 from part p join message o on o.id = p.message_id
        where p.content_id = content.id and o.id <> $1 and o.purged is null);

-- name: refused_requests(before, count)
-- Requests of partners that were refused before a moment, whose bytes are still there.
select id, raw_content from inbound where status = 'abgelehnt' and raw_content <> '' and received < $1
order by received limit $2;

-- name: shred_request(raw_content, now, nothing)
update content set purged = $2, wrapped_key = $3 where id = $1 and purged is null;

-- name: forget_request(id)
-- Its digest stays, so that the same request is known again.
update inbound set raw_content = '' where id = $1 and status = 'abgelehnt' and raw_content <> '';

-- name: insert_kept_mail(content_id, now)
insert into kept_mail (content_id, kept) values ($1, $2);

-- name: kept_mails(before, count)
-- Mails that were kept for a person, or as evidence of a return, before a moment.
select content_id, kept from kept_mail where kept < $1 order by kept limit $2;

-- name: delete_kept_mail(content_id)
delete from kept_mail where content_id = $1;

-- name: shredded(count)
-- Contents whose keys are destroyed and whose chunks are still there.
select id, bytes from content where purged > 0 order by purged limit $1;

-- name: delete_chunks(content_id, count)
delete from chunk where content_id = $1
    and n in (select n from chunk where content_id = $1 order by n limit $2);

-- name: delete_shredded(id)
-- Once it has no chunk any more.
delete from content where id = $1 and purged > 0 and not exists (select 1 from chunk where content_id = $1);

-- name: insert_hold(message_id, now)
insert into retention_hold (message_id, since) select id, cast($2 as bigint) from message
where id = $1 and purged is null on conflict do nothing;

-- name: delete_hold(message_id)
delete from retention_hold where message_id = $1;

-- name: hold(message_id)
select since from retention_hold where message_id = $1;

-- name: claim_day(name, day)
-- Of several gateways one does what happens once a day.
insert into daily (name, day) values ($1, $2)
on conflict (name) do update set day = excluded.day where daily.day < excluded.day
returning name;

-- ===== restored =====

-- name: restored()
select at, hold from restored where at > 0 order by at limit 1;

-- name: insert_restored(now, hold)
insert into restored (at, hold) values ($1, $2) on conflict do nothing;

-- name: delete_restored(at)
delete from restored where at = $1;

-- name: release_requests()
-- Nobody judges them any more.
update inbound set lease_until = 0 where status = 'empfangen' and lease_until > 0;

-- name: open_to_partners(after_id, count)
-- All that may still be sent to a partner, page by page.
select id, wire_headers, deadline_at from delivery
where id > $1 and weg <> 'abruf'
    and status in ('wartet', 'laeuft', 'uebergeben', 'quittung_ungueltig', 'angehalten')
order by id limit $2;

-- name: note_restored(id, wire_headers, deadline_at)
-- Its age counts anew; deadline_at null: it waits for no receipt.
update delivery set wire_headers = $2, first_at = null, deadline_at = coalesce(cast($3 as bigint), deadline_at)
where id = $1;

-- name: last_event_of_art(art)
select at from event where art = $1 order by id desc limit 1;

-- ===== alarms =====

-- name: open_alarms()
select * from alarm where beendet is null order by art, gegenstand;

-- name: insert_alarm(id, art, gegenstand, zahl, angaben, now)
-- A second open one of the same (art, gegenstand) violates alarm_open.
insert into alarm (id, art, gegenstand, zahl, angaben, begonnen, gesehen, gemeldet)
values ($1, $2, $3, $4, $5, $6, $6, $6);

-- name: see_alarm(id, zahl, angaben, now)
update alarm set zahl = $2, angaben = $3, gesehen = $4 where id = $1 and beendet is null;

-- name: tell_alarm_again(id, gemeldet, now)
-- Compare and set: of several gateways one tells.
update alarm set gemeldet = $3 where id = $1 and gemeldet = $2 and beendet is null;

-- name: end_alarm(id, gesehen, now)
-- Unless another gateway has just seen it again.
update alarm set beendet = $3 where id = $1 and gesehen = $2 and beendet is null;

-- name: insert_alarm_notice(id, alarm_id, anlass, kanal, body, now)
insert into alarm_notice (id, alarm_id, anlass, kanal, body, created, attempts, next_at)
values ($1, $2, $3, $4, $5, $6, 0, $6);

-- name: claim_alarm_notices(now, lease_until, count)
-- Those that are due, each by one gateway.
update alarm_notice set attempts = attempts + 1, lease_until = $2
where id in (select id from alarm_notice where sent is null and next_at <= $1
        and (lease_until is null or lease_until < $1)
    order by next_at limit $3 /*postgres for update skip locked*/)
returning *;

-- name: settle_alarm_notice(id, sent, next_at)
-- Sent, given up (0), or to be tried again (null).
update alarm_notice set sent = $2, next_at = $3, lease_until = null where id = $1;

-- name: old_clearings(before, count)
-- What waits for a decision, counted up to a bound: messages; recipients and forwards; deliveries.
select count(*) as n from (select id from message where status = 'klaerung' and eingang <= $1 limit $2) picked
having count(*) > 0;

-- name: old_open_points(before, count)
select count(*) as n from (select id from clearing where done is null and opened <= $1 limit $2) picked
having count(*) > 0;

-- name: old_stuck_deliveries(before, count)
select count(*) as n from (
    select id from delivery
    where status in ('abgelehnt', 'quittung_ungueltig', 'klaerung', 'angehalten', 'gescheitert')
        and status = 'klaerung' and id > '' and changed <= $1 limit $2) picked
having count(*) > 0;

-- name: overdue_duties(until_day, count)
select count(*) as n, min(faellig_am) as oldest from (
    select faellig_am from duty where done is null and faellig_am < $1 order by faellig_am limit $2) picked
having count(*) > 0;

-- name: failed_deliveries(since, count)
select empfaenger, count(*) as n from (
    select empfaenger from delivery where status in ('gescheitert', 'abgelehnt') and changed >= $1 limit $2) picked
group by empfaenger order by empfaenger;

-- name: left_in_inboxes(count)
-- Entries that nobody collected, of which an alarm was raised.
select count(*) as n from (
    select id from delivery where alarmed > 0 and weg = 'abruf' and status = 'uebergeben' limit $1) picked
having count(*) > 0;

-- name: events_of_art_since(art, first_id, count)
select * from event where art = $1 and id >= $2 order by id limit $3;
