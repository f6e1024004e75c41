-- A batch travels in types that cost its sender little: times, amounts and addresses are turned into theirs here.

-- Whole microseconds since 1970. An interval takes no factor but floating point: in two parts, so that each is exact.
create function fraudline.moment_of(microseconds bigint) returns timestamptz
language sql stable strict parallel safe
return timestamptz 'epoch' + microseconds / 1000000 * interval '1 second'
                           + microseconds % 1000000 * interval '1 microsecond';
comment on function fraudline.moment_of is 'The time that lies so many microseconds after the beginning of 1970 in UTC.';

-- Times in microseconds since 1970.
create type fraudline.scored_row as (
    transaction_id text,
    fingerprint bytea,
    posted_by text,
    position bigint,
    accepted_at bigint,
    decision text,
    score double precision,
    reasons jsonb,
    reasons_status text,
    features bytea,
    occurred_at bigint,
    amount text,
    currency text,
    base_amount double precision,
    card_id text,
    merchant_id text,
    merchant_category text,
    merchant_country text,
    billing_country text,
    channel text,
    device_id text,
    ip text,
    latitude double precision,
    longitude double precision,
    customer_id text,
    metadata jsonb
);

-- Beside those with six and seven arguments, which scorers of the release before go on to call.
create function fraudline.commit_batch(
    of_partition smallint,
    under_epoch bigint,
    after_position bigint,
    scored fraudline.scored_row[],
    of_model text,
    of_policy text,
    at timestamptz,
    taken fraudline.taken_label[],
    applied fraudline.applied_label[],
    answered fraudline.answered_transaction[],
    if_unseen boolean
) returns boolean
language plpgsql
-- Planned once a session; where a label looks for its transaction, only the ways that are right for large tables are left.
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
declare
    ids text[];
    is_known boolean := false;
begin
    -- Of many rows an insert that was planned for them alone takes an eighth less time than planning costs.
    if cardinality(scored) > 128 then
        perform set_config('plan_cache_mode', 'force_custom_plan', true);
    end if;

    update fraudline.partitions
    set last_position = last_position + cardinality(scored) + cardinality(applied)
    where partition = of_partition and epoch = under_epoch and last_position = after_position;
    if not found then
        return false;
    end if;

    -- Who looked nothing up is told where something is known. After the position was found as expected: a commit whose
    -- answer was lost would find its own verdicts.
    -- By lists and not by joins: a plan that was made over empty tables has no other way than the indexes.
    if if_unseen then
        ids := array(select transaction_id from unnest(scored));
        is_known := exists (select from fraudline.verdicts where transaction_id = any(ids))
                    or exists (select from fraudline.labels where transaction_id = any(ids));
    end if;
    if is_known then
        update fraudline.partitions set last_position = after_position where partition = of_partition;
        return null;
    end if;

    -- A transaction_id that got its verdict meanwhile, in another partition, aborts the batch (unique_violation):
    -- positions and features were computed as if it were new. In one order everywhere, so that two cannot deadlock.
    insert into fraudline.verdicts
        (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision, score, reasons,
         reasons_status, model, policy, scored_at, features)
    select transaction_id, fingerprint, posted_by, of_partition, position, fraudline.moment_of(accepted_at), decision,
           score, reasons, reasons_status, of_model, of_policy, at, features
    from unnest(scored) order by transaction_id;

    insert into fraudline.transactions
        (transaction_id, accepted_at, posted_by, partition, position, occurred_at, amount, currency, base_amount,
         card_id, merchant_id, merchant_category, merchant_country, billing_country, channel, device_id, ip,
         latitude, longitude, customer_id, metadata)
    select transaction_id, fraudline.moment_of(accepted_at), posted_by, of_partition, position,
           fraudline.moment_of(occurred_at), amount::numeric, currency, base_amount, card_id, merchant_id,
           merchant_category, merchant_country, billing_country, channel, device_id, ip::inet, latitude, longitude,
           customer_id, metadata
    from unnest(scored) order by position;

    -- Without labels, as most batches are, planning these two would be most of their cost.
    if cardinality(taken) > 0 then
        -- Every partition gets every label: the row is the same whoever comes first.
        insert into fraudline.labels
        select transaction_id, source, reported_at, label, posted_by, accepted_at
        from unnest(taken) order by transaction_id, source, reported_at
        on conflict do nothing;
    end if;

    if cardinality(applied) > 0 then
        -- The transaction may be one of this very batch: it stands in the log by now.
        insert into fraudline.label_applications
            (partition, position, transaction_id, card_id, merchant_id, counted_at, weight,
             device_id, merchant_country, customer_id, transaction_time, base_amount)
        select of_partition, a.position, a.transaction_id, a.card_id, a.merchant_id, a.counted_at, a.weight,
               t.device_id, t.merchant_country, t.customer_id, least(t.occurred_at, t.accepted_at), t.base_amount
        from unnest(applied) a
        left join fraudline.verdicts v on v.transaction_id = a.transaction_id
        left join fraudline.transactions t on t.transaction_id = v.transaction_id and t.accepted_at = v.accepted_at
        order by a.position;
    end if;

    -- The transaction may be one of this very batch. In one order everywhere, so that two cannot deadlock.
    if cardinality(answered) > 0 then
        perform 1 from fraudline.verdicts where transaction_id in (select transaction_id from unnest(answered))
        order by transaction_id for update;
        update fraudline.verdicts v
        set answered_decision = a.decision
        from unnest(answered) a
        where v.transaction_id = a.transaction_id and v.answered_decision is null;
    end if;
    return true;
end $$;
comment on function fraudline.commit_batch(
    smallint, bigint, bigint, fraudline.scored_row[], text, text, timestamptz, fraudline.taken_label[],
    fraudline.applied_label[], fraudline.answered_transaction[], boolean) is
    'Appends a batch to a log if its end and epoch are as expected; false: they are not, null: a transaction is known.';
