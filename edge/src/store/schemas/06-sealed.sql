CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE objects (
        id INTEGER PRIMARY KEY,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        uid TEXT,
        resource_version TEXT,
        hash TEXT,
        refused TEXT,
        provisional_uid TEXT,
        revision INTEGER,
        body TEXT,
        UNIQUE (resource, namespace, name)
      ) STRICT;
CREATE TABLE open_writes (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        object INTEGER NOT NULL REFERENCES objects (id),
        class TEXT NOT NULL,
        verb TEXT NOT NULL,
        subresource TEXT NOT NULL,
        uid TEXT NOT NULL,
        time TEXT NOT NULL,
        answered INTEGER NOT NULL DEFAULT 0,
        answered_version TEXT,
        body TEXT NOT NULL
      ) STRICT;
CREATE TABLE changes (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        type TEXT NOT NULL,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        previous INTEGER,
        object TEXT
      , follows INTEGER) STRICT;
CREATE TABLE refusals (
        number INTEGER PRIMARY KEY,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        verb TEXT NOT NULL,
        subresource TEXT NOT NULL,
        code INTEGER NOT NULL,
        reason TEXT NOT NULL,
        message TEXT NOT NULL,
        time TEXT NOT NULL
      ) STRICT;
CREATE TABLE tokens (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        pod_uid TEXT NOT NULL,
        namespace TEXT NOT NULL,
        service_account TEXT NOT NULL,
        audiences TEXT NOT NULL,
        expiration_seconds INTEGER NOT NULL,
        issued_at INTEGER NOT NULL,
        kept_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        valid_until INTEGER NOT NULL,
        seal TEXT NOT NULL,
        sealed BLOB NOT NULL,
        hash TEXT NOT NULL,
        UNIQUE (pod_uid, namespace, service_account, audiences, expiration_seconds)
      ) STRICT;
CREATE TABLE answers (
        id INTEGER PRIMARY KEY,
        asked INTEGER NOT NULL,
        resource TEXT NOT NULL,
        namespace TEXT NOT NULL,
        name TEXT NOT NULL,
        read_at INTEGER NOT NULL,
        type TEXT NOT NULL,
        cached INTEGER NOT NULL,
        seal TEXT NOT NULL,
        hash TEXT NOT NULL,
        size INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        UNIQUE (resource, namespace, name)
      ) STRICT;
CREATE TABLE outbox_size (kind TEXT PRIMARY KEY, entries INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE dropped_events (
        reason TEXT PRIMARY KEY,
        total INTEGER NOT NULL,
        untold INTEGER NOT NULL,
        since TEXT
      ) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('cluster_epoch', '3');
INSERT INTO meta (name, value) VALUES ('cluster_uid', '00000000-0000-4000-8000-00000000c105');
INSERT INTO meta (name, value) VALUES ('digest', 'cc8814b8d5e3d4065e39b414230e4963');
INSERT INTO meta (name, value) VALUES ('epoch', '526129198792704');
INSERT INTO meta (name, value) VALUES ('in_use', '0');
INSERT INTO meta (name, value) VALUES ('reserved_revision', '526129198793716');
INSERT INTO meta (name, value) VALUES ('seal', 'xaes256gcm:c935c09245c73e30');
INSERT INTO meta (name, value) VALUES ('store_id', 'b5a2af78c37bfeaf05527134a3deea08');
INSERT INTO facts (name, value) VALUES ('story', 'told');
INSERT INTO facts (name, value) VALUES ('sync.lastSync', '2026-03-01T12:00:00.000Z');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (1, 'nodes', '', 'edge-1', 'uid-edge-1', '10', '0c3a27aff76d5fbc', NULL, NULL, 526129198792713, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (2, 'pods', 'default', 'web', 'uid-web', '11', '9932379ed1f55ab6', NULL, NULL, 526129198792714, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (3, 'pods', 'default', 'answered', 'uid-answered', '12', '0dc418e120764de5', NULL, NULL, 526129198792711, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (4, 'pods', 'default', 'leaving', 'uid-leaving', '13', 'be95edfd7d77f512', NULL, NULL, NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"leaving","namespace":"default","uid":"uid-leaving"},"spec":{"nodeName":"edge-1"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (5, 'configmaps', 'default', 'settings', 'uid-settings', '14', '38f9b66d11ab961f', NULL, NULL, 526129198792709, '{"apiVersion":"v1","data":{"größe":"zehn "},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"uid-settings"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (6, 'secrets', 'default', 'login', 'uid-login', '15', '172dc8d388adcde1', NULL, NULL, 526129198792710, 'xaes256gcm:c935c09245c73e30:vyWe+qBwZdS62dZtNfcWT02NsEERKI7YlHmtsw22dT/rsEAGL990faV0XG7lFx9RqJcQEYzeIRovFcUQ8+x/DldtkayV6XCxiT9Zsmx8CFrZCYXxMNso5ggzZGE5g1LuhgZcVzfUkPF3a1meXLyMT4ym4xpHLSaTWwQ1gM9sa9dPqxDgzQEdQ5yVQjFPie5cpymVKKVJYQRD7E6GhbRVOLR3XLULEWZCgMRSD7zG');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (7, 'configmaps', 'default', 'odd', 'uid-odd', '16', '1d411ceb7d4c0cb7', 'malformed: body is of default/even', NULL, NULL, NULL);
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (8, 'events', 'default', 'web.started', NULL, NULL, NULL, NULL, 'uid-event', 526129198792715, NULL);
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (9, 'secrets', 'default', 'made', NULL, NULL, NULL, NULL, 'uid-made', 526129198792716, NULL);
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (1, 3, 'state', 'patch', 'status', 'uid-answered', '2026-03-01T12:00:00.000Z', 1, '40', '{"status":{"phase":"Running"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (3, 2, 'state', 'patch', 'status', 'uid-web', '2026-03-01T12:00:00.000Z', 0, NULL, '{"status":{"phase":"Running","podIP":"10.1.0.1"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (4, 8, 'entry', 'create', '', 'uid-event', '2026-03-01T12:00:00.000Z', 0, NULL, '{"apiVersion":"v1","kind":"Event","metadata":{"name":"web.started","namespace":"default","uid":"uid-event"},"reason":"Started"}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (5, 9, 'entry', 'create', '', 'uid-made', '2026-03-01T12:00:00.000Z', 0, NULL, 'xaes256gcm:c935c09245c73e30:808y4PF+XMF8Y4uhVxPwtF0i3CbBeMClQpGgxiJ2o9gdnKGsmJMmkB4Gl9jQzLsUkrPUxl0HLoJGqxZoelYHt9IbfYT/rx7ZnG0LmEpqs+9H5YqwAoHKyemwBggXSFWGHMGBRKFT78ubUAKkO2EJq83GE8Zr03se0mBGjj5au52vtIO5FaOhqm+pnxpCJUwhOQWrM+2NyiYglxEXEWsvELv/womrKKyc');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (6, 4, 'entry', 'delete', '', 'uid-leaving', '2026-03-01T12:00:00.000Z', 0, NULL, '{"gracePeriodSeconds":30}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792705, 'ADDED', 'nodes', '', 'edge-1', NULL, '{"kind":"Node","apiVersion":"v1","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792706, 'ADDED', 'pods', 'default', 'web', NULL, '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792707, 'ADDED', 'pods', 'default', 'answered', NULL, '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792708, 'ADDED', 'pods', 'default', 'leaving', NULL, '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"leaving","namespace":"default","uid":"uid-leaving"},"spec":{"nodeName":"edge-1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792709, 'ADDED', 'configmaps', 'default', 'settings', NULL, '{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"settings","namespace":"default","uid":"uid-settings"},"data":{"größe":"zehn "}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792710, 'ADDED', 'secrets', 'default', 'login', NULL, 'xaes256gcm:c935c09245c73e30:ZcUBl16Zje4oAfIhqxAfLsqtVLCQA3ghMJKZlXDYiSN2mGnOLmntxVB80jvziADQi0MJyrv5c2aZmp7Xu3dRVHrESHfjrJ1rFd6rxVE4T8QmVTTWx8K3vUwz7BXgB6j2SEWdZ0rz5AY7e2P1XeDVfkv/+0giHPmC8Zh0Jd1R2FvA/jNwTSMmh7nCBQOlbEh7GDmERWMf0AOXw7jOCsHvyU7CdbtJZxYjYdUBLkIf', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792711, 'MODIFIED', 'pods', 'default', 'answered', 526129198792707, '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Running"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792712, 'MODIFIED', 'nodes', '', 'edge-1', 526129198792705, '{"kind":"Node","apiVersion":"v1","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"},"status":{"phase":"nonsense"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792713, 'MODIFIED', 'nodes', '', 'edge-1', 526129198792712, '{"kind":"Node","apiVersion":"v1","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792714, 'MODIFIED', 'pods', 'default', 'web', 526129198792706, '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Running","podIP":"10.1.0.1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792715, 'ADDED', 'events', 'default', 'web.started', NULL, '{"kind":"Event","apiVersion":"v1","metadata":{"name":"web.started","namespace":"default","uid":"uid-event"},"reason":"Started"}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792716, 'ADDED', 'secrets', 'default', 'made', NULL, 'xaes256gcm:c935c09245c73e30:jrznFIgBEqwyTwiFpKe2ofEdNW+Y1kFi82s/1dt3kPs+8Vb2kdcve5whhcCFSCaS8U8cme+MFxkhbcUeIeCHmeuEbMqsiMNm5sTdCRSfmmvPyAi8QMz3HgQX9V5qM1XKsMsi5CbYezd+dImzwsT7KXEpc6u/aBsh0IKheF7EPTwcuDfoVQVIpXSZXDFBNHQVYYL5TVN35b3QqC5WA6eTEionTvL+KeXO', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (526129198792718, 'DELETED', 'pods', 'default', 'leaving', 526129198792708, NULL, 526129198792716);
INSERT INTO refusals (number, resource, namespace, name, verb, subresource, code, reason, message, time) VALUES (2, 'nodes', '', 'edge-1', 'patch', 'status', 422, 'Invalid', 'Invalid it is', '2026-03-01T12:00:00.000Z');
INSERT INTO tokens (number, pod_uid, namespace, service_account, audiences, expiration_seconds, issued_at, kept_at, expires_at, valid_until, seal, sealed, hash) VALUES (1, 'uid-web', 'default', 'default', '[]', 3607, 1000, 1500, 3608000, 3608000, 'xaes256gcm:c935c09245c73e30', X'B06188A084674775FD0D832AC9DA0B035AC5D93666844848CFF1D760879F9F33EF4E49C30325820D49BDCF73040042706DB38469DEDC9C9FB23678A2DB5651364D89B1EC933437B7422BDB19E5D08BEC99443E84C74D0A16287DD13767DBF5B047', '401f13508d168321');
INSERT INTO answers (id, asked, resource, namespace, name, read_at, type, cached, seal, hash, size, sealed) VALUES (1, 1, 'persistentvolumes', '', 'disk', 1000, 'found', 0, 'xaes256gcm:c935c09245c73e30', 'd08be05e13aa8054', 67, X'C2102580F16D7D28494A01D5DD51509C5F65606CE372A0368D753DB071BA1D8AE4854A43B1B5E4179388AB4E90A19C100775116C33E9FF0D7CD9BA9F1E19094566F6BE');
INSERT INTO outbox_size (kind, entries, bytes) VALUES ('event', 1, 127);
INSERT INTO outbox_size (kind, entries, bytes) VALUES ('other', 3, 326);
INSERT INTO outbox_size (kind, entries, bytes) VALUES ('told', 0, 0);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', 526129198792718);
INSERT INTO sqlite_sequence (name, seq) VALUES ('open_writes', 6);
INSERT INTO sqlite_sequence (name, seq) VALUES ('tokens', 1);
CREATE INDEX open_writes_object ON open_writes (object);
CREATE INDEX answers_asked ON answers (asked, size);
CREATE INDEX open_writes_waiting ON open_writes (number, object) WHERE answered = 0 AND class <> 'local';
CREATE INDEX open_writes_creates ON open_writes (number, uid) WHERE answered = 0 AND class <> 'local' AND verb = 'create';
CREATE INDEX objects_local_events ON objects (id) WHERE resource IN ('events', 'events.k8s.io/events') AND uid IS NULL;
CREATE VIEW outbox AS SELECT * FROM open_writes WHERE answered = 0 AND class <> 'local';
CREATE TRIGGER outbox_size_insert AFTER INSERT ON open_writes WHEN NEW.class <> 'local' BEGIN
        UPDATE outbox_size SET entries = entries + 1, bytes = bytes + octet_length(NEW.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = NEW.object) IN ('events', 'events.k8s.io/events')
            THEN iif(NEW.answered = 0, 'event', 'told')
          WHEN NEW.answered = 0 THEN 'other' END;
      END;
CREATE TRIGGER outbox_size_delete AFTER DELETE ON open_writes WHEN OLD.class <> 'local' BEGIN
        UPDATE outbox_size SET entries = entries - 1, bytes = bytes - octet_length(OLD.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = OLD.object) IN ('events', 'events.k8s.io/events')
            THEN iif(OLD.answered = 0, 'event', 'told')
          WHEN OLD.answered = 0 THEN 'other' END;
      END;
CREATE TRIGGER outbox_size_update AFTER UPDATE OF answered, body ON open_writes WHEN NEW.class <> 'local' BEGIN
        UPDATE outbox_size SET entries = entries - 1, bytes = bytes - octet_length(OLD.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = OLD.object) IN ('events', 'events.k8s.io/events')
            THEN iif(OLD.answered = 0, 'event', 'told')
          WHEN OLD.answered = 0 THEN 'other' END;
        UPDATE outbox_size SET entries = entries + 1, bytes = bytes + octet_length(NEW.body) WHERE kind = CASE
          WHEN (SELECT resource FROM objects WHERE id = NEW.object) IN ('events', 'events.k8s.io/events')
            THEN iif(NEW.answered = 0, 'event', 'told')
          WHEN NEW.answered = 0 THEN 'other' END;
      END;
PRAGMA application_id = 1213682514;
PRAGMA user_version = 6;
