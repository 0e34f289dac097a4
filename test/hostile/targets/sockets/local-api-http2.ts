import type { Target } from '../../engine/target.ts';
import { linesMutator } from '../../mutate/lines.ts';
import { framesOf } from './frame-lines.ts';
import { LOCAL_API_BOUNDS, openLocalApi } from './local-api.ts';

const WORDS = [
  ...[
    'HEADERS 5 1',
    'HEADERS 4 3',
    'HEADERS 0 5',
    'CONTINUATION 4 1',
    'CONTINUATION 0 5',
    'DATA 0 1',
    'DATA 1 3',
    'DATA 8 1 xff',
  ],
  ...['RST_STREAM 0 1 x00000008', 'RST_STREAM 0 3 x00000000', 'RST_STREAM 0 0 x00000000', 'PRIORITY 0 1 x0000000100'],
  ...[
    'SETTINGS 0 0 x',
    'SETTINGS 1 0 x',
    'SETTINGS 0 0 x000400000000',
    'SETTINGS 0 0 x0004ffffffff',
    'SETTINGS 0 0 x000500000001',
  ],
  ...[
    'SETTINGS 0 0 x000100000000',
    'SETTINGS 0 0 x000600000000',
    'PING 0 0 x0000000000000000',
    'PING 1 0 x0000000000000000',
    'PING 0 0 x00',
  ],
  ...[
    'WINDOW_UPDATE 0 0 x7fffffff',
    'WINDOW_UPDATE 0 1 x00000000',
    'WINDOW_UPDATE 0 1 x7fffffff',
    'GOAWAY 0 0 x0000000000000000',
  ],
  ...['PUSH_PROMISE 4 1 x00000002', '99 255 7 xffffffff', 'RAW 0 0 xffffff0401', 'RAW 0 0 x000009010400000001'],
  ...[
    ':method=GET',
    ':method=PATCH',
    ':method=CONNECT',
    ':path=*',
    ':path=/api/v1/pods?watch=true&timeoutSeconds=1',
    ':scheme=http',
    ':status=200',
  ],
  ...[
    ';;connection=close',
    ';;te=trailers',
    ';;transfer-encoding=chunked',
    ';;content-length=5',
    ';;expect=100-continue',
    ';;Upper=x',
    ';;:path=/',
  ],
  ...[
    ';;accept=application/json;as=Table;v=v1;g=meta.k8s.io',
    ';;content-type=application/yaml',
    ';;authorization=Bearer fuzz-token',
  ],
  ...['{"metadata":{"name":"a"}}', '&a [*a]', '\u0000'],
];

/** The same API over HTTP/2. Inputs are lines, each a frame, so that what is made of them is still frames; see frame-lines.ts. */
export const localApiHttp2: Target = {
  name: 'local-api-http2',
  what: 'HTTP/2 at the API of the device, over TLS, with the store and policy of an agent',
  corpus: ['local-api-http2'],
  bounds: LOCAL_API_BOUNDS,
  mutators: [linesMutator(WORDS)],
  open: () => openLocalApi({ ALPNProtocols: ['h2'] }, framesOf),
};
