-- A label counts for the device, the country and the customer of its transaction too: the log says which those are.

-- First: the batch under commit lands before this, and an owner that would come after it is fenced. It takes over again
-- a moment later, and commits by the function below: no label is written without its entities in between. Without an
-- owner too: a scorer of the release before that would take over while this runs has to wait for its end.
update fraudline.partitions set epoch = epoch + 1;

alter table fraudline.label_applications
    add column device_id text,
    add column merchant_country text,
    add column customer_id text;

update fraudline.label_applications a
set device_id = t.device_id, merchant_country = t.merchant_country, customer_id = t.customer_id
from fraudline.verdicts v join fraudline.transactions t using (transaction_id, accepted_at)
where v.transaction_id = a.transaction_id;

create or replace function fraudline.commit_batch(
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

    -- The transaction may be one of this very batch: it stands in the log by now.
    insert into fraudline.label_applications
        (partition, position, transaction_id, card_id, merchant_id, counted_at, weight,
         device_id, merchant_country, customer_id)
    select of_partition, a.position, a.transaction_id, a.card_id, a.merchant_id, a.counted_at, a.weight,
           t.device_id, t.merchant_country, t.customer_id
    from unnest(applied) a
    left join fraudline.verdicts v on v.transaction_id = a.transaction_id
    left join fraudline.transactions t on t.transaction_id = v.transaction_id and t.accepted_at = v.accepted_at
    order by a.position;
    return true;
end $$;
