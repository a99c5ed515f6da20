-- What one person did, for auditors; events of machines are many, and nobody asks for them by their name.
create index event_of_person on event (akteur, id)
where (substr(akteur, 1, 7) = 'person:' or akteur = 'zertifikat:kommandozeile');
