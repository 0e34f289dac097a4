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
INSERT INTO meta (name, value) VALUES ('epoch', '1772366400000');
INSERT INTO meta (name, value) VALUES ('reserved_revision', '1772366401012');
INSERT INTO meta (name, value) VALUES ('store_id', '86a17dbf8d0c1770341ddfe1a9f29899');
INSERT INTO facts (name, value) VALUES ('story', 'told');
INSERT INTO facts (name, value) VALUES ('sync.lastSync', '2026-03-01T12:00:00.000Z');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (1, 'nodes', '', 'edge-1', 'uid-edge-1', '10', '0c3a27aff76d5fbc', NULL, NULL, 1772366400009, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (2, 'pods', 'default', 'web', 'uid-web', '11', '9932379ed1f55ab6', NULL, NULL, 1772366400010, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (3, 'pods', 'default', 'answered', 'uid-answered', '12', '0dc418e120764de5', NULL, NULL, 1772366400007, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (4, 'pods', 'default', 'leaving', 'uid-leaving', '13', 'be95edfd7d77f512', NULL, NULL, NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"leaving","namespace":"default","uid":"uid-leaving"},"spec":{"nodeName":"edge-1"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (5, 'configmaps', 'default', 'settings', 'uid-settings', '14', '38f9b66d11ab961f', NULL, NULL, 1772366400005, '{"apiVersion":"v1","data":{"größe":"zehn "},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"uid-settings"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (6, 'secrets', 'default', 'login', 'uid-login', '15', '172dc8d388adcde1', NULL, NULL, 1772366400006, '{"apiVersion":"v1","data":{"password":"c3Rvcnk="},"kind":"Secret","metadata":{"name":"login","namespace":"default","uid":"uid-login"}}');
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (7, 'configmaps', 'default', 'odd', 'uid-odd', '16', '1d411ceb7d4c0cb7', 'malformed: body is of default/even', NULL, NULL, NULL);
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (8, 'events', 'default', 'web.started', NULL, NULL, NULL, NULL, 'uid-event', 1772366400011, NULL);
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (9, 'secrets', 'default', 'made', NULL, NULL, NULL, NULL, 'uid-made', 1772366400012, NULL);
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (1, 3, 'state', 'patch', 'status', 'uid-answered', '2026-03-01T12:00:00.000Z', 1, '40', '{"status":{"phase":"Running"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (3, 2, 'state', 'patch', 'status', 'uid-web', '2026-03-01T12:00:00.000Z', 0, NULL, '{"status":{"phase":"Running","podIP":"10.1.0.1"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (4, 8, 'entry', 'create', '', 'uid-event', '2026-03-01T12:00:00.000Z', 0, NULL, '{"apiVersion":"v1","kind":"Event","metadata":{"name":"web.started","namespace":"default","uid":"uid-event"},"reason":"Started"}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (5, 9, 'entry', 'create', '', 'uid-made', '2026-03-01T12:00:00.000Z', 0, NULL, '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"made","namespace":"default","uid":"uid-made"},"data":{"made":"aGVyZQ=="}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (6, 4, 'entry', 'delete', '', 'uid-leaving', '2026-03-01T12:00:00.000Z', 0, NULL, '{"gracePeriodSeconds":30}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400001, 'ADDED', 'nodes', '', 'edge-1', NULL, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400002, 'ADDED', 'pods', 'default', 'web', NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400003, 'ADDED', 'pods', 'default', 'answered', NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400004, 'ADDED', 'pods', 'default', 'leaving', NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"leaving","namespace":"default","uid":"uid-leaving"},"spec":{"nodeName":"edge-1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400005, 'ADDED', 'configmaps', 'default', 'settings', NULL, '{"apiVersion":"v1","data":{"größe":"zehn "},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"uid-settings"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400006, 'ADDED', 'secrets', 'default', 'login', NULL, '{"apiVersion":"v1","data":{"password":"c3Rvcnk="},"kind":"Secret","metadata":{"name":"login","namespace":"default","uid":"uid-login"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400007, 'MODIFIED', 'pods', 'default', 'answered', 1772366400003, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Running"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400008, 'MODIFIED', 'nodes', '', 'edge-1', 1772366400001, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"},"status":{"phase":"nonsense"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400009, 'MODIFIED', 'nodes', '', 'edge-1', 1772366400008, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400010, 'MODIFIED', 'pods', 'default', 'web', 1772366400002, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Running","podIP":"10.1.0.1"}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400011, 'ADDED', 'events', 'default', 'web.started', NULL, '{"apiVersion":"v1","kind":"Event","metadata":{"name":"web.started","namespace":"default","uid":"uid-event"},"reason":"Started"}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400012, 'ADDED', 'secrets', 'default', 'made', NULL, '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"made","namespace":"default","uid":"uid-made"},"data":{"made":"aGVyZQ=="}}', NULL);
INSERT INTO changes (revision, type, resource, namespace, name, previous, object, follows) VALUES (1772366400014, 'DELETED', 'pods', 'default', 'leaving', 1772366400004, NULL, 1772366400012);
INSERT INTO refusals (number, resource, namespace, name, verb, subresource, code, reason, message, time) VALUES (2, 'nodes', '', 'edge-1', 'patch', 'status', 422, 'Invalid', 'Invalid it is', '2026-03-01T12:00:00.000Z');
INSERT INTO tokens (number, pod_uid, namespace, service_account, audiences, expiration_seconds, issued_at, kept_at, expires_at, valid_until, seal, sealed, hash) VALUES (1, 'uid-web', 'default', 'default', '[]', 3607, 1000, 1500, 3608000, 3608000, 'plain', X'7B226B696E64223A22546F6B656E52657175657374222C22737461747573223A7B22746F6B656E223A226F66207468652073746F7279227D7D', '810c7ab098fa887e');
INSERT INTO answers (id, asked, resource, namespace, name, read_at, type, cached, seal, hash, size, sealed) VALUES (1, 1, 'persistentvolumes', '', 'disk', 1000, 'found', 0, 'plain', '4156bdd414d523cc', 27, X'7B226B696E64223A2250657273697374656E74566F6C756D65227D');
INSERT INTO outbox_size (kind, entries, bytes) VALUES ('event', 1, 127);
INSERT INTO outbox_size (kind, entries, bytes) VALUES ('other', 3, 202);
INSERT INTO outbox_size (kind, entries, bytes) VALUES ('told', 0, 0);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', 1772366400014);
INSERT INTO sqlite_sequence (name, seq) VALUES ('open_writes', 6);
INSERT INTO sqlite_sequence (name, seq) VALUES ('tokens', 1);
CREATE INDEX open_writes_object ON open_writes (object);
CREATE VIEW outbox AS SELECT * FROM open_writes WHERE answered = 0 AND class <> 'local';
CREATE INDEX answers_asked ON answers (asked, size);
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
PRAGMA user_version = 5;
