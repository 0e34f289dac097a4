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
      ) STRICT;
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
INSERT INTO meta (name, value) VALUES ('cluster_epoch', '3');
INSERT INTO meta (name, value) VALUES ('cluster_uid', '00000000-0000-4000-8000-00000000c105');
INSERT INTO meta (name, value) VALUES ('digest', 'cc8814b8d5e3d4065e39b414230e4963');
INSERT INTO meta (name, value) VALUES ('epoch', '1772366400000');
INSERT INTO meta (name, value) VALUES ('store_id', '74cec29da8c2d5ec756da9cd14b39ff5');
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
INSERT INTO objects (id, resource, namespace, name, uid, resource_version, hash, refused, provisional_uid, revision, body) VALUES (10, 'coordination.k8s.io/leases', 'kube-node-lease', 'edge-1', NULL, NULL, NULL, NULL, NULL, 1772366400013, NULL);
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (1, 3, 'state', 'patch', 'status', 'uid-answered', '2026-03-01T12:00:00.000Z', 1, '40', '{"status":{"phase":"Running"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (3, 2, 'state', 'patch', 'status', 'uid-web', '2026-03-01T12:00:00.000Z', 0, NULL, '{"status":{"phase":"Running","podIP":"10.1.0.1"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (4, 8, 'entry', 'create', '', 'uid-event', '2026-03-01T12:00:00.000Z', 0, NULL, '{"apiVersion":"v1","kind":"Event","metadata":{"name":"web.started","namespace":"default","uid":"uid-event"},"reason":"Started"}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (5, 9, 'entry', 'create', '', 'uid-made', '2026-03-01T12:00:00.000Z', 0, NULL, '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"made","namespace":"default","uid":"uid-made"},"data":{"made":"aGVyZQ=="}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (6, 10, 'local', 'create', '', 'uid-lease', '2026-03-01T12:00:00.000Z', 0, NULL, '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"edge-1","namespace":"kube-node-lease","uid":"uid-lease"},"spec":{"holderIdentity":"edge-1"}}');
INSERT INTO open_writes (number, object, class, verb, subresource, uid, time, answered, answered_version, body) VALUES (7, 4, 'entry', 'delete', '', 'uid-leaving', '2026-03-01T12:00:00.000Z', 0, NULL, '{"gracePeriodSeconds":30}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400001, 'ADDED', 'nodes', '', 'edge-1', NULL, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400002, 'ADDED', 'pods', 'default', 'web', NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400003, 'ADDED', 'pods', 'default', 'answered', NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Pending"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400004, 'ADDED', 'pods', 'default', 'leaving', NULL, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"leaving","namespace":"default","uid":"uid-leaving"},"spec":{"nodeName":"edge-1"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400005, 'ADDED', 'configmaps', 'default', 'settings', NULL, '{"apiVersion":"v1","data":{"größe":"zehn "},"kind":"ConfigMap","metadata":{"name":"settings","namespace":"default","uid":"uid-settings"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400006, 'ADDED', 'secrets', 'default', 'login', NULL, '{"apiVersion":"v1","data":{"password":"c3Rvcnk="},"kind":"Secret","metadata":{"name":"login","namespace":"default","uid":"uid-login"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400007, 'MODIFIED', 'pods', 'default', 'answered', 1772366400003, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"answered","namespace":"default","uid":"uid-answered"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Running"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400008, 'MODIFIED', 'nodes', '', 'edge-1', 1772366400001, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"},"status":{"phase":"nonsense"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400009, 'MODIFIED', 'nodes', '', 'edge-1', 1772366400008, '{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"node-role.kubernetes.io/edge":""},"name":"edge-1","uid":"uid-edge-1"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400010, 'MODIFIED', 'pods', 'default', 'web', 1772366400002, '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"web","namespace":"default","uid":"uid-web"},"spec":{"nodeName":"edge-1"},"status":{"phase":"Running","podIP":"10.1.0.1"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400011, 'ADDED', 'events', 'default', 'web.started', NULL, '{"apiVersion":"v1","kind":"Event","metadata":{"name":"web.started","namespace":"default","uid":"uid-event"},"reason":"Started"}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400012, 'ADDED', 'secrets', 'default', 'made', NULL, '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"made","namespace":"default","uid":"uid-made"},"data":{"made":"aGVyZQ=="}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400013, 'ADDED', 'coordination.k8s.io/leases', 'kube-node-lease', 'edge-1', NULL, '{"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"edge-1","namespace":"kube-node-lease","uid":"uid-lease"},"spec":{"holderIdentity":"edge-1"}}');
INSERT INTO changes (revision, type, resource, namespace, name, previous, object) VALUES (1772366400014, 'DELETED', 'pods', 'default', 'leaving', 1772366400004, NULL);
INSERT INTO refusals (number, resource, namespace, name, verb, subresource, code, reason, message, time) VALUES (2, 'nodes', '', 'edge-1', 'patch', 'status', 422, 'Invalid', 'Invalid it is', '2026-03-01T12:00:00.000Z');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence (name, seq) VALUES ('changes', 1772366400014);
INSERT INTO sqlite_sequence (name, seq) VALUES ('open_writes', 7);
CREATE INDEX open_writes_object ON open_writes (object);
CREATE VIEW outbox AS SELECT * FROM open_writes WHERE answered = 0 AND class <> 'local';
PRAGMA application_id = 1213682514;
PRAGMA user_version = 1;
