-- Twins as one would keep them in PostgreSQL: one row each, the parts as jsonb, versions beside them.
create table twins (
    id text not null,
    version bigint not null default 1,
    tags jsonb not null,
    desired jsonb not null,
    desired_version bigint not null default 1,
    reported jsonb not null,
    reported_version bigint not null default 1,
    updated_at timestamptz not null default now()
);

-- RFC 7396. jsonb's || would merge the first level only and keep nulls.
create function merge_patch(target jsonb, patch jsonb) returns jsonb language plpgsql immutable as $$
declare
    item record;
begin
    if jsonb_typeof(patch) <> 'object' then
        return patch;
    end if;
    if target is null or jsonb_typeof(target) <> 'object' then
        target := '{}';
    end if;
    for item in select key, value from jsonb_each(patch) loop
        if jsonb_typeof(item.value) = 'null' then
            target := target - item.key;
        elsif jsonb_typeof(item.value) = 'object' then
            target := target || jsonb_build_object(item.key, merge_patch(target -> item.key, item.value));
        else
            target := target || jsonb_build_object(item.key, item.value);
        end if;
    end loop;
    return target;
end $$;

-- The new reported version, or nothing: no such device, or not the expected version (null: any).
create function report(device text, patch jsonb, expected bigint default null) returns bigint language sql as $$
    update twins
       set reported = merge_patch(reported, patch), reported_version = reported_version + 1,
           version = version + 1, updated_at = now()
     where id = device and (expected is null or reported_version = expected)
    returning reported_version
$$;
