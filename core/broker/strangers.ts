/** Recognises what is not the Kafka protocol on the port, so that the log says what happened instead of a strange length. */

const httpMethods = ['GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'OPTI', 'PATC', 'CONN'];

/** As many bytes tell a stranger. */
export const openingBytes = 4;

/** One sentence for the log, or undefined when the first bytes can be a Kafka request, or are too few to say. */
export function recogniseStranger(firstChunk: Buffer): string | undefined {
  if (firstChunk.length < openingBytes) return undefined;
  if (firstChunk[0] === 0x16 && firstChunk[1] === 0x03) {
    return 'a client speaks TLS to this plaintext listener; connection closed';
  }
  if (httpMethods.includes(firstChunk.toString('latin1', 0, 4))) {
    return 'an HTTP client spoke to the Kafka port; the REST interface listens elsewhere; connection closed';
  }
  return undefined;
}
