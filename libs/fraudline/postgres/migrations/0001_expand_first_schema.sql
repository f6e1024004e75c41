-- The log of each partition, the verdicts, the labels, the dead letters and the API keys.

create table fraudline.partitions (
    partition smallint primary key,
    epoch bigint not null default 0 check (epoch >= 0),
    last_position bigint not null default 0 check (last_position >= 0),
    owner text,
    owned_since timestamptz
) with (fillfactor = 50);
comment on table fraudline.partitions is 'One row a log: who may append (epoch) and where its end is.';
insert into fraudline.partitions (partition) values (0);

create table fraudline.verdicts (
    transaction_id text primary key,
    fingerprint bytea not null check (octet_length(fingerprint) = 32),
    posted_by text not null,
    partition smallint not null,
    position bigint not null,
    accepted_at timestamptz not null,
    decision text not null check (decision in ('approve', 'review', 'decline')),
    score double precision,
    reasons jsonb not null,
    reasons_status text not null check (reasons_status in ('pending', 'ready')),
    model text not null,
    policy text not null,
    scored_at timestamptz not null,
    features bytea
);
comment on table fraudline.verdicts is 'The gate: one row a transaction_id, ever. features: little-endian float64, flagged ones alone.';

create table fraudline.transactions (
    transaction_id text not null,
    accepted_at timestamptz not null,
    posted_by text not null,
    partition smallint not null,
    position bigint not null,
    occurred_at timestamptz not null,
    amount numeric not null,
    currency text not null,
    base_amount double precision,
    card_id text not null,
    merchant_id text not null,
    merchant_category text,
    merchant_country text,
    billing_country text,
    channel text,
    device_id text,
    ip inet,
    latitude double precision,
    longitude double precision,
    customer_id text,
    metadata jsonb,
    primary key (transaction_id, accepted_at)
) partition by range (accepted_at);
comment on table fraudline.transactions is 'What was posted, as it was posted. base_amount: what the kernel saw, null where no rate was known.';
create unique index transactions_by_position on fraudline.transactions (partition, position, accepted_at);
create index transactions_by_card on fraudline.transactions (card_id, accepted_at desc);

create table fraudline.transactions_default partition of fraudline.transactions default;

create function fraudline.ensure_transaction_partitions(months_ahead integer default 3) returns void
language plpgsql as $$
declare
    first_day date;
begin
    perform pg_advisory_xact_lock(hashtext('fraudline.ensure_transaction_partitions'));
    for first_day in
        select generate_series(date_trunc('month', now() at time zone 'UTC'),
                               date_trunc('month', now() at time zone 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')::date
    loop
        if to_regclass(format('fraudline.transactions_%s', to_char(first_day, 'YYYY_MM'))) is null
            -- A month that the default partition already took rows of stays there.
            and not exists (
                select from fraudline.transactions_default
                where accepted_at >= first_day::timestamp at time zone 'UTC'
                  and accepted_at < (first_day + interval '1 month') at time zone 'UTC')
        then
            execute format(
                'create table fraudline.%I partition of fraudline.transactions for values from (%L) to (%L)',
                'transactions_' || to_char(first_day, 'YYYY_MM'),
                to_char(first_day, 'YYYY-MM-DD') || ' 00:00:00+00',
                to_char(first_day + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
        end if;
    end loop;
end $$;
comment on function fraudline.ensure_transaction_partitions is 'Makes the monthly partitions from this month on; safe to call at any time.';
select fraudline.ensure_transaction_partitions();

create table fraudline.labels (
    transaction_id text not null,
    source text not null check (source in ('analyst', 'customer', 'issuer', 'chargeback')),
    reported_at timestamptz not null,
    label text not null check (label in ('fraud', 'legitimate')),
    posted_by text not null,
    accepted_at timestamptz not null,
    primary key (transaction_id, source, reported_at)
);
comment on table fraudline.labels is 'Every report once; one for an unknown transaction waits here for it.';

create table fraudline.label_applications (
    partition smallint not null,
    position bigint not null,
    transaction_id text not null,
    card_id text not null,
    merchant_id text not null,
    counted_at timestamptz not null,
    weight smallint not null check (weight in (-1, 1)),
    primary key (partition, position)
);
comment on table fraudline.label_applications is 'When a label changed the counters: +1 a fraud became known, -1 it was taken back.';
create index label_applications_by_transaction on fraudline.label_applications (transaction_id);

create table fraudline.dead_letters (
    id text primary key,
    queue text not null,
    reason text not null,
    error text not null,
    event_type text,
    transaction_id text,
    body bytea not null,
    is_masked boolean not null,
    attempts integer not null default 1,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    state text not null default 'open' check (state in ('open', 'retried', 'dropped')),
    state_changed_at timestamptz
);
comment on table fraudline.dead_letters is 'What could not be processed, once each; an event that holds a forbidden value is kept masked.';
create index dead_letters_by_transaction on fraudline.dead_letters (transaction_id) where transaction_id is not null;
create index dead_letters_open on fraudline.dead_letters (last_seen_at) where state = 'open';

create table fraudline.api_keys (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    role text not null check (role in ('ingest', 'analyst', 'lead', 'admin')),
    prefix text not null,
    hash bytea not null unique check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
comment on table fraudline.api_keys is 'SHA-256 of each key with a prefix to tell it by; the key itself is shown once and kept nowhere.';

create table fraudline.write_probes (filler text not null);
alter table fraudline.write_probes alter column filler set storage plain;
comment on table fraudline.write_probes is 'Empty but for a moment: whether the server takes a write that needs room.';

create function fraudline.probe_write() returns void
language sql as $$
    insert into fraudline.write_probes values (repeat('x', 6000));
    delete from fraudline.write_probes;
$$;
comment on function fraudline.probe_write is 'Fails where a commit would: read-only, or no room left.';

create type fraudline.scored_transaction as (
    transaction_id text,
    fingerprint bytea,
    posted_by text,
    position bigint,
    accepted_at timestamptz,
    decision text,
    score double precision,
    reasons jsonb,
    reasons_status text,
    model text,
    policy text,
    scored_at timestamptz,
    features bytea,
    occurred_at timestamptz,
    amount numeric,
    currency text,
    base_amount double precision,
    card_id text,
    merchant_id text,
    merchant_category text,
    merchant_country text,
    billing_country text,
    channel text,
    device_id text,
    ip inet,
    latitude double precision,
    longitude double precision,
    customer_id text,
    metadata jsonb
);

create type fraudline.taken_label as (
    transaction_id text,
    source text,
    reported_at timestamptz,
    label text,
    posted_by text,
    accepted_at timestamptz
);

create type fraudline.applied_label as (
    position bigint,
    transaction_id text,
    card_id text,
    merchant_id text,
    counted_at timestamptz,
    weight smallint
);

create function fraudline.commit_batch(
    of_partition smallint,
    under_epoch bigint,
    after_position bigint,
    scored fraudline.scored_transaction[],
    taken fraudline.taken_label[],
    applied fraudline.applied_label[]
) returns boolean
language plpgsql as $$
begin
    update fraudline.partitions
    set last_position = last_position + cardinality(scored) + cardinality(applied)
    where partition = of_partition and epoch = under_epoch and last_position = after_position;
    if not found then
        return false;
    end if;

    -- A transaction_id that got its verdict meanwhile, in another partition, aborts the batch (unique_violation):
    -- positions and features were computed as if it were new. In one order everywhere, so that two cannot deadlock.
    insert into fraudline.verdicts
    select transaction_id, fingerprint, posted_by, of_partition, position, accepted_at, decision, score, reasons,
           reasons_status, model, policy, scored_at, features
    from unnest(scored) order by transaction_id;

    insert into fraudline.transactions
    select transaction_id, accepted_at, posted_by, of_partition, position, occurred_at, amount, currency, base_amount,
           card_id, merchant_id, merchant_category, merchant_country, billing_country, channel, device_id, ip,
           latitude, longitude, customer_id, metadata
    from unnest(scored) order by position;

    -- Every partition gets every label: the row is the same whoever comes first.
    insert into fraudline.labels
    select transaction_id, source, reported_at, label, posted_by, accepted_at
    from unnest(taken) order by transaction_id, source, reported_at
    on conflict do nothing;

    insert into fraudline.label_applications
    select of_partition, position, transaction_id, card_id, merchant_id, counted_at, weight
    from unnest(applied) order by position;
    return true;
end $$;
comment on function fraudline.commit_batch is 'Appends a batch to a log if its end and epoch are as expected; false: another process owns it.';
