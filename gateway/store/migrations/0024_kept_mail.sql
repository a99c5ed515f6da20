-- Mails that were kept for a person, and returned mails as evidence: their bytes go after their days as well.
create table kept_mail (
    content_id text primary key,
    kept bigint not null
);
create index kept_mail_by_age on kept_mail (kept);

-- Those of before: contents that nothing else refers to.
insert into kept_mail (content_id, kept)
select id, created from content where id in (
    select id from content where state = 'kept' and purged is null
    except select content_id from part
    except select signed_content from message where signed_content is not null
    except select signed_content from delivery where signed_content is not null
    except select sealed_content from delivery where sealed_content is not null
    except select signed_content from former_sealing where signed_content is not null
    except select sealed_content from former_sealing where sealed_content is not null
    except select raw_content from receipt
    except select raw_content from inbound);
