-- Alerts, the feed of what happens to them, what people decide, what has to be published for it, and who signs in.

-- Flagged verdicts that nobody has explained yet, and all of them by time: the explainer's work, and the sweep's.
create index verdicts_pending on fraudline.verdicts (partition, position) where reasons_status = 'pending';
create index verdicts_flagged on fraudline.verdicts (scored_at, transaction_id) where decision <> 'approve';

create table fraudline.alerts (
    id bigint generated always as identity primary key,
    transaction_id text not null unique,
    opened_at timestamptz not null,
    status text not null default 'open' check (status in ('open', 'closed')),
    assignee text,
    decision text not null check (decision in ('review', 'decline')),
    score double precision,
    -- What the model could not judge stands first.
    rank double precision not null generated always as (coalesce(score, 1)) stored,
    accepted_at timestamptz not null,
    amount numeric not null,
    currency text not null,
    card_id text not null,
    merchant_id text not null
);
comment on table fraudline.alerts is 'One row a flagged verdict; rank: its place in the queue, highest first, newest first among equals.';
create index alerts_ranked on fraudline.alerts (rank desc, id desc);
create index alerts_open on fraudline.alerts (rank desc, id desc) where status = 'open';
create index alerts_open_by_time on fraudline.alerts (opened_at) where status = 'open';
create index alerts_by_card on fraudline.alerts (card_id, rank desc, id desc);
create index alerts_by_assignee on fraudline.alerts (assignee, rank desc, id desc) where assignee is not null;

create table fraudline.alert_events (
    number bigint primary key,
    alert_id bigint not null references fraudline.alerts,
    kind text not null check (kind in ('opened', 'explained', 'assigned', 'disposed')),
    happened_at timestamptz not null,
    actor text,
    detail jsonb not null
);
comment on table fraudline.alert_events is 'The feed: everything that happened to alerts, numbered without gaps in the order of the commits; append only.';
create index alert_events_by_alert on fraudline.alert_events (alert_id, number);

create table fraudline.alert_feed (
    is_only boolean primary key default true check (is_only),
    last_number bigint not null default 0
) with (fillfactor = 50);
comment on table fraudline.alert_feed is 'The number of the latest event. Whoever writes events locks it first, so that numbers follow commits.';
insert into fraudline.alert_feed default values;

create table fraudline.dispositions (
    alert_id bigint primary key references fraudline.alerts,
    disposition text not null check (disposition in ('fraud', 'legitimate')),
    note text,
    decided_by text not null,
    decided_at timestamptz not null
);
comment on table fraudline.dispositions is 'What a person said that a flagged payment was; the first word stays.';

create table fraudline.outbox (
    id bigint generated always as identity primary key,
    transaction_id text not null,
    label text not null check (label in ('fraud', 'legitimate')),
    reported_at timestamptz not null,
    posted_by text not null,
    published_at timestamptz
);
comment on table fraudline.outbox is 'Labels that follow from dispositions, written with them; published_at: when the broker had confirmed.';
create index outbox_waiting on fraudline.outbox (id) where published_at is null;

create table fraudline.sign_in_links (
    hash bytea primary key check (octet_length(hash) = 32),
    name text not null,
    role text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    used_at timestamptz
);
comment on table fraudline.sign_in_links is 'SHA-256 of each one-time link that signs a person in; the link itself is shown once and kept nowhere.';

create table fraudline.sessions (
    hash bytea primary key check (octet_length(hash) = 32),
    name text not null,
    role text not null,
    started_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    ends_at timestamptz not null,
    ended_at timestamptz
);
comment on table fraudline.sessions is 'SHA-256 of each cookie that a signed-in person holds; ended_at: signed out.';

create function fraudline.utc_text(moment timestamptz) returns text
language sql immutable strict as $$
    select to_char(moment at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
comment on function fraudline.utc_text is 'A time as RFC 3339 with microseconds, as everywhere in our interfaces.';

create type fraudline.alert_happening as (
    alert_id bigint,
    kind text,
    actor text,
    detail jsonb
);

create function fraudline.tell_of_alerts(happened fraudline.alert_happening[]) returns void
language plpgsql as $$
declare
    behind bigint;
begin
    update fraudline.alert_feed set last_number = last_number + cardinality(happened)
    returning last_number - cardinality(happened) into behind;
    insert into fraudline.alert_events
    select behind + place, alert_id, kind, clock_timestamp(), actor, detail
    from unnest(happened) with ordinality as event (alert_id, kind, actor, detail, place);
end $$;
comment on function fraudline.tell_of_alerts is 'Appends to the feed; the caller has locked alert_feed before it looked at anything.';

create function fraudline.open_alerts(of_transactions text[])
returns table (transaction_id text, outcome text, decision text, scored_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    opened bigint[];
begin
    -- First, so that what is read below is what the writers before us have left.
    perform from fraudline.alert_feed for update;

    with new_alerts as (
        insert into fraudline.alerts
            (transaction_id, opened_at, decision, score, accepted_at, amount, currency, card_id, merchant_id)
        select v.transaction_id, clock_timestamp(), v.decision, v.score, v.accepted_at, t.amount, t.currency,
               t.card_id, t.merchant_id
        from fraudline.verdicts v join fraudline.transactions t using (transaction_id, accepted_at)
        where v.transaction_id = any(of_transactions) and v.decision <> 'approve'
          and not exists (select from fraudline.alerts a where a.transaction_id = v.transaction_id)
        order by v.partition, v.position
        returning id
    )
    select coalesce(array_agg(id order by id), '{}') into opened from new_alerts;

    perform fraudline.tell_of_alerts(array(
        select row(a.id, 'opened', null, jsonb_build_object(
            'transaction_id', a.transaction_id,
            'decision', a.decision,
            'score', a.score,
            'accepted_at', fraudline.utc_text(a.accepted_at),
            'amount', a.amount::text,
            'currency', a.currency,
            'card_id', a.card_id,
            'merchant_id', a.merchant_id,
            'reasons', v.reasons,
            'reasons_status', v.reasons_status
        ))::fraudline.alert_happening
        from fraudline.alerts a join fraudline.verdicts v using (transaction_id)
        where a.id = any(opened)
        order by a.id));

    return query
        select asked.transaction_id,
               case when v.decision = 'approve' then 'not_flagged'
                    -- No verdict, or one whose payment is not stored any more.
                    when a.id is null then 'unknown'
                    when a.id = any(opened) then 'opened'
                    else 'known' end,
               v.decision,
               v.scored_at
        from unnest(of_transactions) as asked (transaction_id)
        left join fraudline.verdicts v using (transaction_id)
        left join fraudline.alerts a using (transaction_id);
end $$;
comment on function fraudline.open_alerts is 'Opens one alert for each flagged verdict that has none, and tells what became of each.';

create function fraudline.store_reasons(of_transactions text[], all_reasons text[]) returns bigint
language plpgsql as $$
declare
    explained text[];
begin
    -- First: an alert is either there already and told of its reasons here, or opened later and opened with them.
    perform from fraudline.alert_feed for update;

    with given as (
        select * from unnest(of_transactions, all_reasons) as given (transaction_id, reasons)
    ), stored as (
        update fraudline.verdicts v set reasons = given.reasons::jsonb, reasons_status = 'ready'
        from given where v.transaction_id = given.transaction_id and v.reasons_status = 'pending'
        returning v.transaction_id
    )
    select coalesce(array_agg(transaction_id), '{}') into explained from stored;

    perform fraudline.tell_of_alerts(array(
        select row(a.id, 'explained', null, jsonb_build_object('reasons', v.reasons))::fraudline.alert_happening
        from fraudline.alerts a join fraudline.verdicts v using (transaction_id)
        where v.transaction_id = any(explained)
        order by a.id));
    return cardinality(explained);
end $$;
comment on function fraudline.store_reasons is 'Stores the reasons of verdicts that have none yet, once each; returns how many that were.';

create function fraudline.dispose_alert(of_alert bigint, as_disposition text, with_note text, by_person text)
returns table (outcome text, disposition text, note text, decided_by text, decided_at timestamptz)
language plpgsql as $$
#variable_conflict use_column
declare
    alert fraudline.alerts;
    moment timestamptz;
begin
    perform from fraudline.alert_feed for update;
    moment := clock_timestamp();
    select * into alert from fraudline.alerts where id = of_alert;
    if not found then
        return query select 'unknown', null::text, null::text, null::text, null::timestamptz;
        return;
    end if;

    if alert.status = 'open' then
        insert into fraudline.dispositions values (of_alert, as_disposition, with_note, by_person, moment);
        insert into fraudline.outbox (transaction_id, label, reported_at, posted_by)
        values (alert.transaction_id, as_disposition, moment, by_person);
        update fraudline.alerts set status = 'closed' where id = of_alert;
        perform fraudline.tell_of_alerts(array[row(of_alert, 'disposed', by_person, jsonb_build_object(
            'disposition', as_disposition, 'note', with_note))::fraudline.alert_happening]);
    end if;

    return query
        select case when alert.status = 'open' then 'disposed' else 'decided_before' end,
               d.disposition, d.note, d.decided_by, d.decided_at
        from fraudline.dispositions d where d.alert_id = of_alert;
end $$;
comment on function fraudline.dispose_alert is 'Stores what a person says of an open alert, with the label that follows; of a closed one it returns what was said.';

create function fraudline.assign_alert(of_alert bigint, to_person text, by_person text) returns text
language plpgsql as $$
declare
    alert fraudline.alerts;
begin
    perform from fraudline.alert_feed for update;
    select * into alert from fraudline.alerts where id = of_alert;
    if not found then
        return 'unknown';
    elsif alert.status <> 'open' then
        return 'closed';
    elsif alert.assignee is not distinct from to_person then
        return 'unchanged';
    end if;
    update fraudline.alerts set assignee = to_person where id = of_alert;
    perform fraudline.tell_of_alerts(array[row(of_alert, 'assigned', by_person, jsonb_build_object(
        'assignee', to_person))::fraudline.alert_happening]);
    return 'assigned';
end $$;
comment on function fraudline.assign_alert is 'Gives an open alert to a person, or (null) to nobody.';
