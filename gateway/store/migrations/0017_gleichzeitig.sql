-- Agreements once stored 5 deliveries at once where nothing was agreed; that is no limit, but where a lane starts.
update partner set agreement = replace(agreement, '"gleichzeitig":5', '"gleichzeitig":null');
