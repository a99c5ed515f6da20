-- People whom an OpenID provider vouches for: accounts without a password of ours.
-- `extern` is a digest of issuer and subject, null for a local account.
alter table person add column extern text;
create unique index person_extern on person (extern);

-- A name is unique among local accounts, who log in by it; providers name people as they like.
drop index person_name;
create unique index person_name on person (name) where extern is null;

-- Ways to the provider and back that ended with a session: none counts twice.
create table signon_done (
    id text primary key,
    at bigint not null
);
create index signon_done_by_age on signon_done (at);
