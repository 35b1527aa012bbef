/** Opens a native device, and creates a connection with all its parts. */
import { References } from '../client/references.js';
import { Connection, type ConnectionListener } from '../connection/connection.js';
import { loadNativeBinding } from '../native/binding.js';
import { offerByteStream } from './byte-stream-offer.js';

/** Default of `messageLimit`, bytes. */
const MESSAGE_LIMIT_DEFAULT = 2 ** 32;

/** Options of {@link openConnection}. */
export interface ConnectionOptions {
  readonly domain: string;
  readonly poolSize?: number;
  /** See `DeviceOptions`. */
  readonly messageLimit?: number;
}

/** Opens a device in a domain. Rejects as {@link NativeBinding.openDevice} does. */
export async function openConnection(
  options: ConnectionOptions,
  listener: ConnectionListener = {},
): Promise<Connection> {
  const { domain, poolSize, messageLimit = MESSAGE_LIMIT_DEFAULT } = options;
  const opened: { connection?: Connection } = {};
  const native = await loadNativeBinding().openDevice({
    domain,
    ...(poolSize === undefined ? {} : { poolSize }),
    onEvents: (count) => opened.connection?.onEvents(count),
  });
  opened.connection = new Connection(native, listener, {
    messageLimit,
    makeReferences: (connection) => new References(connection),
    offerStream: offerByteStream,
  });
  return opened.connection;
}
