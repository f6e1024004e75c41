-- The commit of a small batch is planned once a session: to plan it anew took a third of its time in the server.

-- Plans that are kept were made when the tables were small. The inserts have nothing to choose; where a label looks for
-- its transaction, only the ways that are right for large tables are left.
create or replace function fraudline.commit_batch(
    of_partition smallint,
    under_epoch bigint,
    after_position bigint,
    scored fraudline.scored_transaction[],
    taken fraudline.taken_label[],
    applied fraudline.applied_label[]
) returns boolean
language plpgsql
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_hashjoin = off
set enable_mergejoin = off
as $$
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
    return true;
end $$;
