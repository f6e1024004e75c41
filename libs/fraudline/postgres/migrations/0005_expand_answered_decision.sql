-- A client that waited and was answered before its verdict was there has been told a decision: the verdict says which.

alter table fraudline.verdicts
    add column answered_decision text,
    -- Not valid: the rows that are there hold nothing to be checked, and reading them all would stop the line.
    add constraint answered_decision_is_one check (answered_decision in ('approve', 'review', 'decline')) not valid;
comment on column fraudline.verdicts.answered_decision is
    'What a client that waited was told in place of this verdict, which came too late for it; null where it was not.';

create type fraudline.answered_transaction as (transaction_id text, decision text);

-- Beside the one with six arguments, which scorers of the release before go on to call.
create function fraudline.commit_batch(
    of_partition smallint,
    under_epoch bigint,
    after_position bigint,
    scored fraudline.scored_transaction[],
    taken fraudline.taken_label[],
    applied fraudline.applied_label[],
    answered fraudline.answered_transaction[]
) returns boolean
language plpgsql as $$
begin
    if not fraudline.commit_batch(of_partition, under_epoch, after_position, scored, taken, applied) then
        return false;
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
