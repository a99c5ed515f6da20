-- The directory's corrections: what operators changed in the packaged rows, and when, by whom and why.

-- One change: all its rows became valid together. Its number is the directory's revision; whoever comes second with the
-- same number begins anew.
create table directory_change (
    revision bigint primary key,
    changed bigint not null,
    changed_by text not null,
    reason text not null
);

-- One row of the directory as it counts from this revision on: append only, an older one is its history.
create table directory_row (
    tabelle text not null check (tabelle in ('behoerde', 'gemeinde', 'aufnahmeeinrichtung')),
    key text not null,
    revision bigint not null references directory_change (revision),
    entry text,                     -- json, column to text; null: the packaged row counts again
    valid_from text,                -- first and last day on which it counts; null: at once, without end
    valid_until text,
    primary key (tabelle, key, revision)
);
create index directory_row_of_change on directory_row (revision);
